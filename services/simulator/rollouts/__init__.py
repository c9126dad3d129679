"""Rollouts for the learner: gathered under one policy version, environment by environment."""
