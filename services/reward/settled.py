"""How far the learner is, and how far the reward service is with what is due there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from services.reward.student import RewardVersion
from somersault.rpc import Latest

__all__ = ["LearnerPlace", "Settled", "tell_settled", "tell_version"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerPlace:
    """How far the learner is."""

    env_steps: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)
    """The newest rollout it took, by incarnation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The newest reward version, and the step up to which everything due is learned by it."""

    version: RewardVersion
    env_steps: int = -1

    @property
    def is_pretrained(self) -> bool:
        """Whether the labels of the first policy are learned."""
        return self.version.version > 0


def tell_settled(settled: Latest[Settled], *, env_steps: int) -> None:
    """Tells those who watch that everything due at a step is learned."""
    settled.set(replace(settled.value, env_steps=env_steps))


def tell_version(settled: Latest[Settled], version: RewardVersion) -> None:
    """Tells those who watch of a new reward version."""
    settled.set(replace(settled.value, version=version))
