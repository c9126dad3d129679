"""What outlives the learner's process: its checkpoints, and beside each the policy that acts."""

from __future__ import annotations

from dataclasses import dataclass

import safetensors.numpy

from services.learner.algorithms.algorithm import Algorithm
from somersault.domain.keys import checkpoints_prefix, policy_key
from somersault.errors import CorruptDataError
from somersault.formats import checkpoint
from somersault.runtime.failpoints import failpoint
from somersault.storage import ObjectStore

__all__ = ["CheckpointStore", "Counters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What a checkpoint holds beside the algorithm's state."""

    env_steps: int
    policy_version: int


class CheckpointStore:
    """Stores and restores the learner of one run. Blocking: call it from a thread."""

    def __init__(self, store: ObjectStore, *, run_id: str) -> None:
        """Open the checkpoints of a run; nothing is read or written yet."""
        self._store = store
        self._run_id = run_id
        self._checkpoints = checkpoints_prefix(run_id, "learner")

    def save(self, algorithm: Algorithm, counters: Counters) -> None:
        """Store the policy, then the checkpoint it belongs to.

        Raises:
            UnavailableError: The store can't be reached.
        """
        failpoint("learner.checkpoint.begin")
        policy = safetensors.numpy.save(algorithm.export_policy())
        self._store.put(policy_key(self._run_id, counters.policy_version), policy)
        failpoint("learner.checkpoint.policy")
        state = checkpoint.Checkpoint(
            arrays=dict(algorithm.state_dict()),
            facts={"env_steps": counters.env_steps, "policy_version": counters.policy_version},
        )
        checkpoint.save(self._store, self._checkpoints, number=counters.env_steps, checkpoint=state)
        failpoint("learner.checkpoint.stored")

    def restore(self, algorithm: Algorithm) -> Counters | None:
        """Load the newest checkpoint into an algorithm and return its counters, or None if there is no checkpoint.

        Raises:
            CorruptDataError: It is damaged, or was stored by another algorithm or another network.
        """
        newest = checkpoint.load_newest(self._store, self._checkpoints)
        if newest is None:
            return None
        algorithm.load_state_dict(newest.arrays)
        try:
            return Counters(
                env_steps=int(newest.facts["env_steps"]),
                policy_version=int(newest.facts["policy_version"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptDataError(f"learner checkpoint lacks its counters: {error}") from error
