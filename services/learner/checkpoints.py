"""What outlives the learner's process: its checkpoints, and beside each the policy that acts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.learner.algorithms.algorithm import Algorithm
from somersault.domain.arrays import find_not_finite
from somersault.domain.bounds import MAX_STEPS
from somersault.domain.keys import checkpoints_prefix, policy_key
from somersault.errors import CorruptDataError, shorten
from somersault.formats.checkpoint import Checkpoint
from somersault.formats.checkpoint_series import CheckpointSeries
from somersault.formats.safetensors import encode
from somersault.runtime.failpoints import failpoint
from somersault.storage import ObjectStore

__all__ = ["CheckpointStore", "Counters", "Snapshot", "take_snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What a checkpoint holds beside the algorithm's state."""

    env_steps: int
    policy_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A learner's state at one moment, of its own memory."""

    counters: Counters
    policy: dict[str, NDArray[np.float32]]
    """What simulators act by."""
    state: dict[str, NDArray[np.generic]]
    """What the algorithm goes on from."""


class CheckpointStore:
    """Stores and restores the learner of one run. Blocking: call it from a thread."""

    def __init__(self, store: ObjectStore, *, run_id: str) -> None:
        """Open the checkpoints of a run; nothing is read or written yet."""
        self._store = store
        self._run_id = run_id
        self._series = CheckpointSeries(store, checkpoints_prefix(run_id, "learner"))

    @property
    def fall_back(self) -> str | None:
        """What `restore` passed over and what it went on from, in a sentence; None if the newest checkpoint was sound."""
        return self._series.fall_back

    def save(self, snapshot: Snapshot) -> None:
        """Store the policy, then the checkpoint it belongs to.

        Raises:
            SomersaultError: The store can't be reached, is full or refuses; or a number isn't finite.
        """
        failpoint("learner.checkpoint.begin")
        counters = snapshot.counters
        name = find_not_finite(snapshot.policy)
        if name is not None:
            raise CorruptDataError(f"the policy isn't stored: {name} holds a number that isn't finite")
        policy = encode(snapshot.policy, {})
        self._store.put(policy_key(self._run_id, counters.policy_version), policy)
        failpoint("learner.checkpoint.policy")
        state = Checkpoint(
            arrays=snapshot.state,
            facts={"env_steps": counters.env_steps, "policy_version": counters.policy_version},
        )
        self._series.save(state, number=counters.env_steps)
        failpoint("learner.checkpoint.stored")

    def restore(self, algorithm: Algorithm) -> Counters | None:
        """Load the newest sound checkpoint into an algorithm and return its counters, or None if there is no checkpoint.

        Raises:
            CorruptDataError: There are checkpoints, and each is damaged or was stored by another algorithm or another network.
        """

        def load(saved: Checkpoint) -> Counters:
            counters = _counters_of(saved)
            algorithm.load_state_dict(saved.arrays)
            return counters

        return self._series.restore(load)


def take_snapshot(algorithm: Algorithm, counters: Counters) -> Snapshot:
    """Return a copy of everything a checkpoint holds; the algorithm may change while the copy is stored."""
    return Snapshot(
        counters=counters, policy=dict(algorithm.export_policy()), state=dict(algorithm.state_dict())
    )


def _counters_of(saved: Checkpoint) -> Counters:
    return Counters(
        env_steps=_count_of(saved, "env_steps"), policy_version=_count_of(saved, "policy_version")
    )


def _count_of(saved: Checkpoint, name: str) -> int:
    if name not in saved.facts:
        raise CorruptDataError(f"learner checkpoint lacks its counters: {name!r}")
    value = saved.facts[name]
    if not isinstance(value, int) or not 0 <= value <= MAX_STEPS:
        raise CorruptDataError(f"learner checkpoint: {name} is {shorten(value)}, must be 0 to {MAX_STEPS}")
    return value
