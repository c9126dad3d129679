"""Tests of labelers and their tokens."""
