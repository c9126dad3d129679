"""Tasks of bodies that MuJoCo moves, one module per family."""
