"""Algorithms that improve a policy on scored rollouts, a folder each."""
