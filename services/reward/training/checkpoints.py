"""What outlives the reward service's process besides the preference log: the newest checkpoints."""

from __future__ import annotations

from somersault.domain.keys import checkpoints_prefix
from somersault.formats import checkpoint
from somersault.storage import ObjectStore

__all__ = ["CheckpointStore"]


class CheckpointStore:
    """Stores and restores the reward model of one run. Blocking: call it from a thread."""

    def __init__(self, store: ObjectStore, *, run_id: str) -> None:
        """Write to ``store`` under the prefix of the run."""
        self._store = store
        self._prefix = checkpoints_prefix(run_id, "reward")

    def save(self, saved: checkpoint.Checkpoint) -> None:
        """Store a checkpoint under its reward version."""
        number = int(saved.facts["reward_version"])
        checkpoint.save(self._store, self._prefix, number=number, checkpoint=saved)

    def load_newest(self) -> checkpoint.Checkpoint | None:
        """Return the newest checkpoint, or None if there is none.

        Raises:
            CorruptDataError: it can't be trusted.
        """
        return checkpoint.load_newest(self._store, self._prefix)
