"""Tests the tests that third parties run."""
