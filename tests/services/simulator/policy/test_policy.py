"""A policy of every kind acts, and arrays that are not a policy are refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import safetensors.numpy

from services.simulator.policy import MAX_POLICY_BYTES, Policy
from somersault.domain.task_spec import TaskSpec
from somersault.errors import InvalidInputError

ArraysFor = Callable[[TaskSpec], dict[str, np.ndarray]]


def _act(
    policy: Policy, spec: TaskSpec, *, seed: int = 0, is_stochastic: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    if spec.is_image:
        observations = rng.integers(256, size=(4, spec.num_frames, *spec.frame_shape), dtype=np.uint8)
    else:
        observations = rng.normal(size=(4, spec.observation_dim)).astype(np.float32)
    noise = policy.draw_noise(rng, (2, 4), is_stochastic=is_stochastic)
    actions = np.empty((4, *spec.action_shape), spec.action_dtype)
    log_probs = np.empty(4, np.float32)
    policy.worker().act(observations, noise[0], actions=actions, log_probs=log_probs)
    return actions, log_probs


def test_bytes_give_the_same_policy(spec: TaskSpec, arrays_for: ArraysFor) -> None:
    """What safetensors wrote acts as the arrays do, for every kind of task."""
    arrays = arrays_for(spec)
    expected = _act(Policy(arrays, spec=spec), spec)
    actual = _act(Policy.from_bytes(safetensors.numpy.save(arrays), spec=spec), spec)
    np.testing.assert_array_equal(actual[0], expected[0])
    np.testing.assert_array_equal(actual[1], expected[1])


def test_noise_alone_makes_actions_vary(spec: TaskSpec, arrays_for: ArraysFor) -> None:
    """Without noise the same observations give the same action twice; with it another seed gives another."""
    policy = Policy(arrays_for(spec), spec=spec)
    noise = [policy.draw_noise(np.random.default_rng(seed), (3, 2)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(noise[0], noise[1])
    assert not np.array_equal(noise[0], noise[2])
    assert noise[0].shape == (3, 2, 5 if spec.is_discrete else 3)
    rng = np.random.default_rng(1)
    assert not policy.draw_noise(rng, (3, 2), is_stochastic=False).any()
    assert rng.random() == np.random.default_rng(1).random()


def test_worker_keeps_nothing_of_a_call_for_the_next(spec: TaskSpec, arrays_for: ArraysFor) -> None:
    """A worker that acted on more rows, then on fewer, acts as a fresh one."""
    policy = Policy(arrays_for(spec), spec=spec)
    rng, worker, results = np.random.default_rng(0), policy.worker(), []
    shape = (spec.num_frames, *spec.frame_shape) if spec.is_image else spec.frame_shape
    observations = rng.integers(256, size=(6, *shape)).astype(spec.frame_dtype)
    noise = policy.draw_noise(rng, (6,))
    for acting, rows in ((worker, 6), (worker, 2), (policy.worker(), 2)):
        actions, log_probs = (
            np.empty((rows, *spec.action_shape), spec.action_dtype),
            np.empty(rows, np.float32),
        )
        acting.act(observations[:rows], noise[:rows], actions=actions, log_probs=log_probs)
        results.append((actions, log_probs))
    for again, fresh in zip(results[1], results[2], strict=True):
        np.testing.assert_array_equal(again, fresh)


@pytest.mark.parametrize(
    ("kind", "name", "array", "message"),
    [
        (
            "vectors to motion",
            "mean.weight",
            np.zeros((3, 7), np.float32),
            "shape of policy array mean.weight",
        ),
        ("vectors to motion", "mean.bias", np.zeros(3, np.float64), "dtype of policy array mean.bias"),
        ("vectors to motion", "log_std", np.full(3, np.nan, np.float32), "policy array log_std"),
        ("vectors to motion", "observation_std", np.zeros(11, np.float32), "observation_std.*positive"),
        ("vectors to motion", "extra", np.zeros(3, np.float32), "policy arrays"),
        ("vectors to choice", "log_std", np.zeros(3, np.float32), "policy arrays"),
        ("vectors to choice", "logits.weight", np.zeros((4, 16), np.float32), "array logits.weight"),
        ("pictures to choice", "conv_0.weight", np.zeros((32, 4, 8, 8), np.float32), "array conv_0.weight"),
        ("pictures to choice", "dense.weight", np.zeros((16, 64), np.float32), "array dense.weight"),
        ("pictures to motion", "conv_2.bias", np.full(64, np.inf, np.float32), "array conv_2.bias"),
        ("pictures to motion", "observation_mean", np.zeros(11, np.float32), "policy arrays"),
    ],
)
def test_wrong_array_is_refused_by_name(
    specs: dict[str, TaskSpec], arrays_for: ArraysFor, kind: str, name: str, array: np.ndarray, message: str
) -> None:
    """The error names the array."""
    with pytest.raises(InvalidInputError, match=message):
        Policy(arrays_for(specs[kind]) | {name: array}, spec=specs[kind])


@pytest.mark.parametrize(
    ("kind", "name"), [("vectors to motion", "hidden_0.bias"), ("pictures to choice", "dense.bias")]
)
def test_missing_bias_is_refused(
    specs: dict[str, TaskSpec], arrays_for: ArraysFor, kind: str, name: str
) -> None:
    """The array that tells the width may be missing too."""
    arrays = arrays_for(specs[kind])
    del arrays[name]
    with pytest.raises(InvalidInputError, match="policy arrays"):
        Policy(arrays, spec=specs[kind])


@pytest.mark.parametrize(
    ("data", "message"), [(b"garbage", "safetensors"), (bytes(MAX_POLICY_BYTES + 1), "at most 16777216")]
)
def test_bytes_that_are_no_policy_are_refused(specs: dict[str, TaskSpec], data: bytes, message: str) -> None:
    """Garbage and a byte too many are input errors."""
    with pytest.raises(InvalidInputError, match=message):
        Policy.from_bytes(data, spec=specs["vectors to motion"])
