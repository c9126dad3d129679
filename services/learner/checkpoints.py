"""What of the learner outlives its process: checkpoints, and the policy beside each."""

from __future__ import annotations

from dataclasses import dataclass

import safetensors.numpy

from services.learner.algorithms.ppo.ppo import PPO
from somersault.errors import CorruptDataError
from somersault.formats import checkpoint
from somersault.storage import ObjectStore

__all__ = ["Keeper", "Kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The counters stored with a checkpoint."""

    env_steps: int
    policy_version: int


class Keeper:
    """Stores and restores the learner of one run. Blocking: call it from a thread."""

    def __init__(self, store: ObjectStore, *, run_id: str) -> None:
        """Takes the store and the run whose prefix it writes under."""
        self._store = store
        self._checkpoints = f"{run_id}/checkpoints/learner"
        self._policies = f"{run_id}/policies"

    def keep(self, ppo: PPO, *, env_steps: int, policy_version: int) -> None:
        """Stores a checkpoint and the policy that acts by it."""
        policy = safetensors.numpy.save(ppo.export_policy())
        self._store.put(f"{self._policies}/{policy_version:08d}.safetensors", policy)
        state = checkpoint.Checkpoint(
            arrays=dict(ppo.state_dict()),
            facts={"env_steps": env_steps, "policy_version": policy_version},
        )
        checkpoint.save(self._store, self._checkpoints, number=env_steps, checkpoint=state)

    def restore(self, ppo: PPO) -> Kept | None:
        """Puts the newest checkpoint into ``ppo`` and gives its counters; none if there is none.

        Raises:
            CorruptDataError: it can't be trusted, or is of another network.
        """
        kept = checkpoint.load_newest(self._store, self._checkpoints)
        if kept is None:
            return None
        ppo.load_state_dict(kept.arrays)
        try:
            return Kept(
                env_steps=int(kept.facts["env_steps"]),
                policy_version=int(kept.facts["policy_version"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptDataError(f"learner checkpoint lacks its counters: {error}") from error
