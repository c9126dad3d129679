"""Tests of the gateway and of the pages it serves."""
