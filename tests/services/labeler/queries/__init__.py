"""Tests of queries, leases and gold."""
