"""How far the learner is, and how far the reward service is with what is due there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from services.reward.training.reward_learner import RewardVersion
from somersault.rpc import Latest

__all__ = ["LearnerPlace", "Settled", "tell"]


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
    horizon: int | None = None
    """The step up to which a learner that has lost the service may go on by itself; None: as far as it likes."""
    wants_segments: bool = False
    """Whether the learner waits, and there is too little to ask about: simulators are to gather for that alone."""
    is_finishing: bool = False
    """Whether an owner wants the run to finish now."""

    @property
    def is_pretrained(self) -> bool:
        """Whether the labels of the first policy are learned."""
        return self.version.version > 0


def tell(settled: Latest[Settled], **changes: object) -> None:
    """Tell those who watch of what changed, if anything did."""
    changed = replace(settled.value, **changes)  # type: ignore[arg-type]
    if changed != settled.value:
        settled.set(changed)
