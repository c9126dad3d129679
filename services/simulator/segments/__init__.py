"""Segments: cut from rollouts, offered to the reward service, stored on demand."""
