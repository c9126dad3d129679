"""``somersault clone``: makes an independent copy of a run."""
