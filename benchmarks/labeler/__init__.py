"""The labeler under load."""
