"""How well the reward model predicts new answers, and what is reported of the run."""
