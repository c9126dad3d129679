"""Labelers, their tokens, and what a token admits to."""
