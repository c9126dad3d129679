"""What the learner stores, under which keys, and what it goes on from."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

from services.learner.checkpoints import CheckpointStore, Counters, Snapshot, take_snapshot
from somersault.errors import CorruptDataError, UnavailableError
from somersault.formats import checkpoint
from somersault.formats.checkpoint_series import CheckpointSeries
from somersault.storage import open_store
from tests.services.learner.doubles import AlgorithmDouble, FailingStore

_COUNTERS = Counters(env_steps=4096, policy_version=7)


def _improved() -> AlgorithmDouble:
    algorithm = AlgorithmDouble()
    algorithm.num_improved = 7
    return algorithm


def _snapshot() -> Snapshot:
    return take_snapshot(_improved(), _COUNTERS)


def test_what_was_saved_is_restored() -> None:
    """State and counters; the newest of several."""
    checkpoints = CheckpointStore(open_store("memory://"), run_id="r")
    checkpoints.save(take_snapshot(AlgorithmDouble(), Counters(env_steps=0, policy_version=0)))
    checkpoints.save(_snapshot())
    restored = AlgorithmDouble()
    assert checkpoints.restore(restored) == _COUNTERS
    assert restored.num_improved == 7


def test_a_run_without_checkpoints_begins_anew() -> None:
    """Nothing is restored, and nothing of another run is looked at."""
    store = open_store("memory://")
    CheckpointStore(store, run_id="other").save(_snapshot())
    algorithm = AlgorithmDouble()
    assert CheckpointStore(store, run_id="r").restore(algorithm) is None
    assert algorithm.num_improved == 0


def test_keys_and_contents_stay() -> None:
    """Runs made by earlier versions are resumed, and other programs read policies by these keys."""
    store = open_store("memory://")
    CheckpointStore(store, run_id="r").save(_snapshot())
    policy, state = "r/policies/00000007.safetensors", "r/checkpoints/learner/000000004096.safetensors"
    assert sorted(store.list("r/")) == [state, policy]
    assert safetensors.numpy.load(store.get(policy)) == {"num_improved": np.float32([7])}
    stored = checkpoint.unpack(store.get(state))
    assert stored.facts == {"env_steps": 4096, "policy_version": 7}
    assert stored.arrays == {"num_improved": np.int64([7])}


def test_a_checkpoint_without_its_counters_is_refused() -> None:
    """Rather than count from 0 with a policy that is trained."""
    store = open_store("memory://")
    state = checkpoint.Checkpoint(arrays=_improved().state_dict(), facts={"env_steps": 4096})
    CheckpointSeries(store, "r/checkpoints/learner/").save(state, number=4096)
    with pytest.raises(CorruptDataError, match="lacks its counters: 'policy_version'"):
        CheckpointStore(store, run_id="r").restore(AlgorithmDouble())


def test_the_policy_is_stored_before_the_checkpoint_that_names_it() -> None:
    """A store that goes away between them leaves the checkpoint before the newest."""
    store = FailingStore()
    checkpoints = CheckpointStore(store, run_id="r")
    checkpoints.save(take_snapshot(AlgorithmDouble(), Counters(env_steps=0, policy_version=0)))
    store.is_away = True
    with pytest.raises(UnavailableError):
        checkpoints.save(_snapshot())
    assert checkpoints.restore(AlgorithmDouble()) == Counters(env_steps=0, policy_version=0)
