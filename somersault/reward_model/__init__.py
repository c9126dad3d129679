"""The reward model: an ensemble of networks that score transitions.

Shared by the service that trains it and by those that score with it.
"""

from somersault.reward_model.config import RewardModelConfig
from somersault.reward_model.ensemble import RewardEnsemble

__all__ = ["RewardEnsemble", "RewardModelConfig"]
