"""The policy and the value function of the learner, for every kind of observation and action."""

from services.learner.networks.actor_critic import ActorCritic, build_actor_critic
from services.learner.networks.policies import CategoricalPolicy, GaussianPolicy, Policy
from services.learner.networks.torsos import NatureTorso, TanhTorso

__all__ = [
    "ActorCritic",
    "CategoricalPolicy",
    "GaussianPolicy",
    "NatureTorso",
    "Policy",
    "TanhTorso",
    "build_actor_critic",
]
