"""Tests of the owner page."""
