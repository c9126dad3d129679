"""What outlives the reward service's process besides the preference log: the newest checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from somersault.domain.keys import checkpoints_prefix
from somersault.formats.checkpoint import Checkpoint
from somersault.formats.checkpoint_series import CheckpointSeries
from somersault.storage import ObjectStore

__all__ = ["CheckpointStore"]


T = TypeVar("T")


class CheckpointStore:
    """Stores and restores the reward model of one run. Blocking: call it from a thread."""

    def __init__(self, store: ObjectStore, *, run_id: str) -> None:
        """Write to ``store`` under the prefix of the run."""
        self._series = CheckpointSeries(store, checkpoints_prefix(run_id, "reward"))

    @property
    def fall_back(self) -> str | None:
        """What `restore` passed over and what it went on from, in a sentence; None if the newest was sound."""
        return self._series.fall_back

    @property
    def newest_version(self) -> int:
        """The highest reward version that was ever stored, sound or damaged: its number has a meaning already."""
        return self._series.newest_number or 0

    def save(self, saved: Checkpoint) -> None:
        """Store a checkpoint under its reward version.

        Raises:
            SomersaultError: the store can't be reached, is full or refuses; or a number isn't finite.
        """
        self._series.save(saved, number=int(saved.facts["reward_version"]))

    def restore(self, use: Callable[[Checkpoint], T]) -> T | None:
        """Return what ``use`` makes of the newest sound checkpoint, or None if there is none at all.

        Raises:
            CorruptDataError: there are some, and none can be trusted.
        """
        return self._series.restore(use)
