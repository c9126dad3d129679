"""Tests of a run's end."""
