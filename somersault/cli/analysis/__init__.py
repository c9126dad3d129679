"""Measures, films and plots runs, whether finished, stopped or still running. Nothing here writes to a run."""
