"""The hidden reward of each MuJoCo task: what teachers judge by, and what a run is measured by.

Nothing outside the simulator may import this package: the agent and the reward model never see it.
"""

from services.simulator.true_rewards.registry import true_reward_of
from services.simulator.true_rewards.steps import Steps, TrueReward

__all__ = ["Steps", "TrueReward", "true_reward_of"]
