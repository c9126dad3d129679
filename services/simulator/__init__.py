"""The simulator service: gathers rollouts, cuts segments, renders clips. Has no state worth saving."""
