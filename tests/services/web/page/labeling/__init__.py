"""Tests of the labeling page."""
