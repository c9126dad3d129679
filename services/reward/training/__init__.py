"""The reward model's training: the ensemble's trainer, its losses, its checkpoints, its versions."""
