"""Tests of the rpcs as they are served."""
