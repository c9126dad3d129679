"""Tasks of bodies that MuJoCo moves, one module a family."""
