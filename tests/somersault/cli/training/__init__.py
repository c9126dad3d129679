"""Tests of a run's life."""
