"""The simulator service: gathers rollouts, cuts segments, draws clips. Keeps no state worth saving."""
