"""How many labels are due, how fast the learner goes, and whether it may go on without answers."""
