"""Tests of how a run is followed and shown."""
