"""The reward service: owns the reward model, chooses what to ask, learns from the answers."""
