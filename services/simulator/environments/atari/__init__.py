"""Games of the Arcade Learning Environment, a batch of them stepped together."""
