"""Bodies simulated by MuJoCo, a batch of them stepped together."""
