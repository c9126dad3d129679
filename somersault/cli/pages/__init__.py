"""Where a run's pages are reached, what is said about it, and what they still need before they go."""
