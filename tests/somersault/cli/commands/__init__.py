"""Tests of all commands together."""
