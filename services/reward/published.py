"""What is published: versions of the reward model, how far each of them settles the run, and those who watch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import TypedDict, Unpack

from services.reward.feedback.preference_log import LogPosition
from somersault.reward_model import RewardEnsemble
from somersault.rpc import Latest

__all__ = ["Published", "RewardUpdate", "RewardVersion"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardVersion:
    """One published state of the ensemble, never changed again."""

    number: int
    """Rises by one at each publication; 0 has learned nothing yet."""
    ensemble: RewardEnsemble
    weights: bytes
    """The ensemble as safetensors."""
    num_comparisons: int
    """Comparisons it learned from, including those since discarded but not those left out."""
    position: LogPosition
    """It learned from the preference log up to this row and no further."""

    @property
    def cursor(self) -> int:
        """The number of that row."""
        return self.position.cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardUpdate:
    """The newest reward version, and how far a learner may go with it."""

    version: RewardVersion
    settled_env_steps: int = -1
    """Everything due up to this step has been learned by the version; -1 if nothing is settled yet."""
    horizon_env_steps: int | None = -1
    """The step up to which a learner that has lost the service may continue on its own; None if there is no limit."""
    wants_segments: bool = False
    """Whether the learner is held back by too small a pool, so that simulators must gather segments and nothing else."""
    is_finishing: bool = False
    """Whether an owner wants the run to finish now."""

    @property
    def is_pretrained(self) -> bool:
        """Whether the labels of the first policy have been learned."""
        return self.version.number > 0


class _Changes(TypedDict, total=False):
    version: RewardVersion
    settled_env_steps: int
    horizon_env_steps: int | None
    wants_segments: bool
    is_finishing: bool


class Published:
    """The newest update and everyone who watches it. Used from one event loop."""

    def __init__(self, version: RewardVersion) -> None:
        """Start with ``version`` and nothing settled."""
        self._latest = Latest(RewardUpdate(version=version))

    @property
    def newest(self) -> RewardUpdate:
        """The newest update."""
        return self._latest.value

    @property
    def version(self) -> RewardVersion:
        """The newest reward version."""
        return self.newest.version

    def watch(self) -> AsyncIterator[RewardUpdate]:
        """Yield the newest update and then each newer one; a slow watcher skips those in between."""
        return self._latest.watch()

    def update(self, **changes: Unpack[_Changes]) -> None:
        """Wake everyone who watches if ``changes`` make a difference."""
        changed = replace(self.newest, **changes)
        if changed != self.newest:
            self._latest.set(changed)
