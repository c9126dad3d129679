"""Tests of curves and of experiment trackers."""
