"""Tests of what happens before a run begins or goes on."""
