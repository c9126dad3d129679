"""The labeler service. It owns people's answers, the one thing in a run that can't be recomputed."""
