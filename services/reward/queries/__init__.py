"""Which pairs are worth asking about, how they are proposed, and how each of them stands."""
