"""Runs: their settings and their life, learning curves, guidelines, counts."""
