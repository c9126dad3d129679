"""Tests of the owner's page."""
