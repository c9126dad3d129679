"""Tests of the page of all runs."""
