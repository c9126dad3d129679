"""Feedback: answers and their revisions, the preference log that keeps them, its export and import."""
