"""Tests of clips of queries and of policies, and of practice pairs."""
