"""What the learner and the reward model compute in, and how they step."""
