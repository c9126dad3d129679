"""Clips of queries, rendered and served; clips of policies; practice pairs."""
