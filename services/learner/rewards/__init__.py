"""Where rewards come from: predicted by the reward model, or the true ones in a reference run."""
