"""A run's services as processes: which there are, how each is kept running, and how to reach them."""
