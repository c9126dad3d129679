"""Batches of environments stepped together."""

from services.simulator.environment.mujoco import MujocoBatch, Truncation, load_model, state_dim_of

__all__ = ["MujocoBatch", "Truncation", "load_model", "state_dim_of"]
