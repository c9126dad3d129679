"""Which pairs are worth asking about, how they are proposed, and what has become of them."""
