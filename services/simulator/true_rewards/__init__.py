"""The true reward of each MuJoCo task: what teachers judge by and runs are measured by.

Nothing outside the simulator may import this package: neither the agent nor the reward model ever sees it.
"""

from services.simulator.true_rewards.registry import true_reward_of
from services.simulator.true_rewards.steps import Steps, TrueReward

__all__ = ["Steps", "TrueReward", "true_reward_of"]
