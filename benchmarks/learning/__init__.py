"""The learner, the whole loop, and what is learned over seeds."""
