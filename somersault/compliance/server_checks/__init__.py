"""What a labeler promises, one module of checks a subject."""
