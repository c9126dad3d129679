"""Tests of runs: their life, their curves, their identity."""
