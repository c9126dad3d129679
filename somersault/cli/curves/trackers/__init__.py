"""Experiment trackers, each reached through its own client."""
