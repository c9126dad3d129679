"""Runs: their settings and states, results, guidelines, counts and learning curves."""
