"""The end of a run: its policy measured and filmed, and what came of it in numbers and words."""
