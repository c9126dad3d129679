"""Tests of answers, the preference log, its export and import."""
