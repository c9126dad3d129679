"""The learner: owns the policy and improves it on predicted rewards."""
