"""Tests of what each request passes first."""
