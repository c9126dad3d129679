"""Labelers, their tokens, and whether a token still admits its holder."""
