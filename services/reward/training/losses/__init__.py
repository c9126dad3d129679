"""One loss for each kind of feedback."""
