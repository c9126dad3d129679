"""Runs what examples/ shows."""
