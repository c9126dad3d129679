"""Tests of the labeler service."""
