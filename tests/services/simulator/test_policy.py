"""The policy computes what its arrays say, and refuses arrays that are not a policy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import safetensors.numpy

from services.simulator.policy import Policy
from somersault.errors import InvalidInputError
from somersault.tasks import Task

PolicyArrays = Callable[..., dict[str, np.ndarray]]


def test_mean_is_the_network_of_the_normalised_observation(task: Task, policy_arrays: PolicyArrays) -> None:
    """Equals the formula written out in float64, clipped normalisation included."""
    arrays = policy_arrays()
    observations = np.random.default_rng(2).normal(0, 20, (5, 11)).astype(np.float32)
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}
    hidden = np.clip((observations - wide["observation_mean"]) / wide["observation_std"], -10, 10)
    assert np.abs(hidden).max() == 10
    for layer in ("hidden_0", "hidden_1"):
        hidden = np.tanh(hidden @ wide[f"{layer}.weight"].T + wide[f"{layer}.bias"])
    expected = hidden @ wide["mean.weight"].T + wide["mean.bias"]
    actual = Policy(arrays, task=task).mean_actions(observations)
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_sample_adds_noise_times_std(task: Task, policy_arrays: PolicyArrays) -> None:
    """With std e^-1, noise of 1 moves each action by e^-1 from the mean."""
    arrays = policy_arrays() | {"log_std": np.full(3, -1, np.float32)}
    policy = Policy(arrays, task=task)
    observations = np.ones((2, 11), np.float32)
    out = np.empty((2, 3), np.float32)
    policy.sample(observations, np.ones((2, 3), np.float32), out=out)
    np.testing.assert_allclose(out - policy.mean_actions(observations), np.exp(-1), rtol=1e-5)


def test_log_prob_is_the_gaussian_density(task: Task, policy_arrays: PolicyArrays) -> None:
    """Standard normal at 0 in three dimensions: -1.5 log(2π) = -2.7568; std e adds -3; noise 2 adds -2."""
    arrays = policy_arrays() | {"log_std": np.zeros(3, np.float32)}
    noise = np.zeros((1, 3), np.float32)
    np.testing.assert_allclose(Policy(arrays, task=task).log_probs(noise), [-2.756816], rtol=1e-6)
    arrays["log_std"] = np.ones(3, np.float32)
    noise[0, 0] = 2
    np.testing.assert_allclose(Policy(arrays, task=task).log_probs(noise), [-7.756816], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("mean.weight", np.zeros((3, 7), np.float32), r"shape of policy array mean.weight"),
        ("mean.bias", np.zeros(3, np.float64), r"dtype of policy array mean.bias"),
        ("log_std", np.full(3, np.nan, np.float32), r"policy array log_std"),
        ("observation_std", np.zeros(11, np.float32), r"observation_std.*positive"),
        ("extra", np.zeros(3, np.float32), r"policy arrays"),
    ],
)
def test_wrong_array_is_refused_by_name(
    task: Task, policy_arrays: PolicyArrays, name: str, array: np.ndarray, message: str
) -> None:
    """The error names the array."""
    with pytest.raises(InvalidInputError, match=message):
        Policy(policy_arrays() | {name: array}, task=task)


def test_missing_hidden_bias_is_refused(task: Task, policy_arrays: PolicyArrays) -> None:
    """The array that tells the width may be missing too."""
    arrays = policy_arrays()
    del arrays["hidden_0.bias"]
    with pytest.raises(InvalidInputError, match="policy arrays"):
        Policy(arrays, task=task)


def test_bytes_give_the_same_policy_and_garbage_is_refused(task: Task, policy_arrays: PolicyArrays) -> None:
    """Reads what safetensors wrote; anything else is an input error."""
    arrays = policy_arrays()
    observations = np.ones((2, 11), np.float32)
    expected = Policy(arrays, task=task).mean_actions(observations).copy()
    policy = Policy.from_bytes(safetensors.numpy.save(arrays), task=task)
    np.testing.assert_array_equal(policy.mean_actions(observations), expected)
    with pytest.raises(InvalidInputError, match="safetensors"):
        Policy.from_bytes(b"garbage", task=task)
