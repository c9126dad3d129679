"""One absurd rollout, or a fault of an algorithm, costs its own step and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import structlog

from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.ppo import PPO
from services.learner.progress import LearnerState
from services.learner.safeguard import Safeguard
from somersault.domain.arrays import find_not_finite
from somersault.domain.bounds import MAX_ACTION, MAX_LOG_PROB, MAX_NUMBER
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout
from somersault.storage import open_store
from tests.services.learner.doubles import AlgorithmDouble, LearnerDouble, running

_SPEC = TaskSpec(task="t", frame_shape=(3,), action_dim=2, episode_steps=8, segment_steps=4, step_s=0.01)
_SHAPE = (32, 4)


def _ppo() -> PPO:
    return PPO(
        PPOConfig(hidden_size=8, minibatch_size=32, num_epochs=3, learning_rate=3e-3), spec=_SPEC, seed=0
    )


def _rollout(sequence: int, **changes: Any) -> Rollout:
    rng = np.random.default_rng(sequence)
    is_truncated = np.zeros(_SHAPE, np.bool_)
    is_truncated[7::8] = True
    rollout = Rollout(
        sequence=sequence,
        policy_version=0,
        observations=rng.normal(size=(*_SHAPE, 3)).astype(np.float32),
        actions=rng.normal(size=(*_SHAPE, 2)).astype(np.float32),
        log_probs=np.full(_SHAPE, -2.8, np.float32),
        is_truncated=is_truncated,
        final_observations=np.zeros((int(is_truncated.sum()), 3), np.float32),
        next_observations=np.zeros((_SHAPE[1], 3), np.float32),
    )
    return dataclasses.replace(rollout, **changes)


def _rewards(sequence: int) -> np.ndarray:
    return np.random.default_rng((1, sequence)).normal(size=_SHAPE).astype(np.float32)


def _full(array: np.ndarray, value: float) -> np.ndarray:
    return np.full_like(array, value)


def _with_one(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed[(0,) * changed.ndim] = value
    return changed


_CHANGES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {"one": _with_one, "all": _full}
_EXTREMES = [
    ("log_probs", -2 * MAX_LOG_PROB),
    ("log_probs", 2 * MAX_LOG_PROB),
    ("actions", MAX_ACTION),
    ("actions", -MAX_ACTION),
    ("observations", MAX_NUMBER),
    ("observations", -MAX_NUMBER),
    ("final_observations", MAX_NUMBER),
    ("next_observations", -MAX_NUMBER),
]


@pytest.mark.parametrize("how", _CHANGES)
@pytest.mark.parametrize(("field", "value"), _EXTREMES)
@pytest.mark.parametrize("is_first", [True, False])
def test_the_worst_that_a_rollout_may_hold_leaves_every_number_finite(
    field: str, value: float, how: str, *, is_first: bool
) -> None:
    """Whether in one place or everywhere, as the first rollout or later."""
    ppo = _ppo()
    guarded = Safeguard(ppo)
    if not is_first:
        assert guarded.improve(_rollout(0), _rewards(0))
    array = getattr(_rollout(1), field)
    guarded.improve(_rollout(1, **{field: _CHANGES[how](array, value)}), _rewards(1))
    assert find_not_finite(ppo.state_dict()) is None
    assert find_not_finite(ppo.export_policy()) is None
    assert guarded.improve(_rollout(2), _rewards(2))


@pytest.mark.parametrize("num_before", [0, 2])
@pytest.mark.parametrize(
    ("field", "value"), [("log_probs", np.nan), ("observations", np.nan), ("actions", 3e38)]
)
def test_a_step_that_ends_in_infinity_is_as_if_it_had_never_been(
    field: str, value: float, num_before: int
) -> None:
    """Weights, moments, normaliser and the order of minibatches: the next steps are bit for bit those of one that was spared."""
    spoilt, spared = _ppo(), _ppo()
    guarded = Safeguard(spoilt)
    for sequence in range(num_before):
        guarded.improve(_rollout(sequence), _rewards(sequence))
        spared.improve(_rollout(sequence), _rewards(sequence))
    poisoned = _rollout(7, **{field: _full(getattr(_rollout(7), field), value)})
    with structlog.testing.capture_logs() as logs:
        assert guarded.improve(poisoned, _rewards(7)) is None
    assert [entry["event"] for entry in logs] == ["improvement_dropped"]
    assert guarded.num_dropped == 1
    statistics = guarded.improve(_rollout(8), _rewards(8))
    assert statistics == spared.improve(_rollout(8), _rewards(8))
    for name, array in spared.state_dict().items():
        np.testing.assert_array_equal(array, spoilt.state_dict()[name], err_msg=name)


def test_rewards_that_are_not_finite_are_never_learned_from() -> None:
    """A reward model that overflows spoils no policy."""
    guarded = Safeguard(_ppo())
    assert guarded.improve(_rollout(0), _with_one(_rewards(0), np.nan)) is None
    assert guarded.num_dropped == 1


def test_observations_are_taken_back_too() -> None:
    """Before there are rewards the normaliser alone learns."""
    ppo = _ppo()
    guarded = Safeguard(ppo)
    assert guarded.observe(_rollout(0).observations)
    before = ppo.state_dict()
    assert not guarded.observe(_full(_rollout(1).observations, np.nan))
    for name, array in before.items():
        np.testing.assert_array_equal(array, ppo.state_dict()[name])


class _Spoiling(AlgorithmDouble):
    """Ends every second improvement in a number that isn't finite."""

    def __init__(self) -> None:
        super().__init__()
        self.num_called = 0
        self.weight = 1.0

    def improve(self, rollout: Any, rewards: Any) -> dict[str, float]:
        """Count, and spoil."""
        self.num_called += 1
        self.weight = np.inf if self.num_called % 2 == 0 else self.weight + 1
        return super().improve(rollout, rewards)

    def export_policy(self) -> dict[str, Any]:
        """Return the weight, on its way to float32."""
        return {"weight": np.array([self.weight], np.float32)}

    def state_dict(self) -> dict[str, Any]:
        """Return the weight and the count."""
        return {**super().state_dict(), "weight": np.array([self.weight])}

    def load_state_dict(self, arrays: Any) -> None:
        """Restore both."""
        super().load_state_dict(arrays)
        self.weight = float(arrays["weight"][0])


async def test_a_spoilt_step_is_neither_published_nor_stored_nor_counted() -> None:
    """It is alarmed in the log and in progress; a restart goes on from what is good."""
    store = open_store("memory://")
    async with running(store, make_algorithm=_Spoiling) as learner:
        with structlog.testing.capture_logs() as logs:
            await learner.source.settle(30)
            await learner.until(LearnerState.FINISHED, 30)
        told = learner.progress
        assert (told.policy_version, told.num_dropped_improvements) == (3, 2)
        assert told.alarms == {"alarm_dropped_improvements": 2.0}
        assert (learner.algorithm.num_improved, learner.algorithm.weight) == (3, 4.0)
        assert [
            entry["incarnations"] for entry in logs if entry["event"] == "rollouts_spoilt_a_step"
        ] == 2 * [["i"]]
        assert any("taken back" in entry.get("notice", "") for entry in logs)
        sent = [item.weights for item in learner.received if hasattr(item, "weights")]
        assert len(sent) == len(set(sent))
        assert not any(b"\x00\x00\x80\x7f" in weights for weights in sent)  # infinity
    again = LearnerDouble(store, make_algorithm=_Spoiling)
    await again.loop.restore()
    assert (again.algorithm.num_improved, again.algorithm.weight) == (3, 4.0)


async def test_a_checkpoint_that_is_not_finite_is_passed_over_at_a_restart() -> None:
    """As one that an earlier version stored: the run goes on from the last good one by itself, and says so."""
    store = open_store("memory://")
    learner = LearnerDouble(store, make_algorithm=_Spoiling)
    assert await learner.loop.checkpoint()
    key = "r/checkpoints/learner/000000000000.safetensors"
    store.put("r/checkpoints/learner/000000000010.safetensors", store.get(key)[:-9])
    again = LearnerDouble(store, make_algorithm=_Spoiling)
    with structlog.testing.capture_logs() as logs:
        await again.loop.restore()
    assert any("000000000010" in entry.get("notice", "") for entry in logs)
    assert again.progress.env_steps == 0


def test_one_absurd_number_does_not_hide_all_others_for_good() -> None:
    """Ten steps after a single absurd observation the policy still sees differences of ordinary size."""
    ppo = _ppo()
    for sequence in range(10):
        ppo.observe(_rollout(sequence).observations)
    ppo.observe(_with_one(_rollout(10).observations, MAX_NUMBER))
    for sequence in range(11, 21):
        ppo.observe(_rollout(sequence).observations)
    assert ppo.export_policy()["observation_std"].max() < 3
