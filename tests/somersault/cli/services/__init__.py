"""Tests of a run's processes."""
