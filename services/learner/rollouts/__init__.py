"""Rollouts on their way in: simulators' streams, assignments, batches."""
