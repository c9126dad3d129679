"""What of the reward service outlives its process besides the preference log: its newest checkpoints."""

from __future__ import annotations

from somersault.formats import checkpoint
from somersault.storage import ObjectStore

__all__ = ["Keeper"]


class Keeper:
    """Stores and restores the reward model of one run. Blocking: call it from a thread."""

    def __init__(self, store: ObjectStore, *, run_id: str) -> None:
        """Takes the store and the run whose prefix it writes under."""
        self._store = store
        self._prefix = f"{run_id}/checkpoints/reward"

    def keep(self, kept: checkpoint.Checkpoint) -> None:
        """Stores a checkpoint under its reward version."""
        number = int(kept.facts["reward_version"])
        checkpoint.save(self._store, self._prefix, number=number, checkpoint=kept)

    def restore(self) -> checkpoint.Checkpoint | None:
        """Gives the newest checkpoint, none if there is none.

        Raises:
            CorruptDataError: it can't be trusted.
        """
        return checkpoint.load_newest(self._store, self._prefix)
