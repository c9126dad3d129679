"""Policy and value function against numpy and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from services.learner.policy import GaussianPolicy, export_policy, load_policy
from somersault.errors import CorruptDataError


def _policy(seed: int = 0) -> GaussianPolicy:
    return GaussianPolicy(observation_dim=5, action_dim=2, hidden_size=8, initial_log_std=-0.5, seed=seed)


def _export(policy: GaussianPolicy) -> dict[str, np.ndarray]:
    mean, std = np.zeros(5, np.float32), np.ones(5, np.float32)
    return dict(export_policy(policy, observation_mean=mean, observation_std=std))


def test_exported_arrays_give_the_same_mean() -> None:
    """The network written out in numpy from the exported names gives torch's mean."""
    policy = _policy()
    observations = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    arrays = _export(policy)

    hidden = np.tanh(observations @ arrays["hidden_0.weight"].T + arrays["hidden_0.bias"])
    hidden = np.tanh(hidden @ arrays["hidden_1.weight"].T + arrays["hidden_1.bias"])
    expected = hidden @ arrays["mean.weight"].T + arrays["mean.bias"]

    with torch.no_grad():
        mean = policy(torch.from_numpy(observations)).numpy()
    np.testing.assert_allclose(mean, expected, atol=1e-6)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}


def test_log_prob_is_that_of_the_normal_distribution() -> None:
    """Density and entropy equal those of torch's own distribution."""
    policy = _policy()
    rng = np.random.default_rng(1)
    observations = torch.from_numpy(rng.normal(size=(6, 5)).astype(np.float32))
    actions = torch.from_numpy(rng.normal(size=(6, 2)).astype(np.float32))

    with torch.no_grad():
        normal = torch.distributions.Normal(policy(observations), math.exp(-0.5))
        log_prob = policy.log_prob(observations, actions)
        entropy = policy.entropy()

    torch.testing.assert_close(log_prob, normal.log_prob(actions).sum(-1))
    torch.testing.assert_close(entropy, normal.entropy()[0].sum())


def test_same_seed_gives_the_same_weights_whatever_the_global_generator() -> None:
    """Initialisation neither reads nor moves the global generator."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = _export(_policy(seed=3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second = _export(_policy(seed=3))

    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_loaded_policy_equals_the_exported_one() -> None:
    """Weights survive export and load."""
    source, target = _policy(seed=1), _policy(seed=2)

    load_policy(target, _export(source))

    for name, array in _export(source).items():
        np.testing.assert_array_equal(array, _export(target)[name])


def test_missing_array_is_named() -> None:
    """A policy without its log_std is refused, and the message says which array."""
    arrays = _export(_policy())
    del arrays["log_std"]

    with pytest.raises(CorruptDataError, match="log_std is missing"):
        load_policy(_policy(), arrays)
