"""Tests of the runs page."""
