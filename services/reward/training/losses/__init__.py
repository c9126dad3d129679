"""One loss for each kind of feedback, behind the interface in `loss`."""
