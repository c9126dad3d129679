"""The labeler's messages to value objects and back, a module for each subject."""
