"""Tests of the pages' addresses."""
