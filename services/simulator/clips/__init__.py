"""Clips: stored segments rendered as video, in a process that may crash."""
