"""Environments made by `gymnasium.make`, a batch of them stepped together."""
