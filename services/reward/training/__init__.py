"""How the reward model is trained: the learner that tests, trains and publishes it, its losses and its checkpoints."""
