"""Tests of the tables and what is done in one transaction."""
