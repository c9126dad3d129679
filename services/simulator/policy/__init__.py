"""Policies, run where the environments are: one torso and one head for each kind of task."""

from services.simulator.policy.policy import MAX_POLICY_BYTES, Policy, PolicyWorker

__all__ = ["MAX_POLICY_BYTES", "Policy", "PolicyWorker"]
