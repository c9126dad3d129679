"""Actions and their log-probabilities against closed forms and counts."""

from __future__ import annotations

import math

import numpy as np

from services.simulator.policy.heads import CategoricalHead, GaussianHead, draw_noise
from somersault.domain.task_spec import TaskSpec


def _gaussian(*, log_std: float) -> GaussianHead:
    """Return a head whose mean is its one feature, minus it, and 1."""
    weight, bias = np.array([[1], [-1], [0]], np.float32), np.array([0, 0, 1], np.float32)
    return GaussianHead(
        {"mean.weight": weight, "mean.bias": bias, "log_std": np.full(3, log_std, np.float32)}
    )


def _choose(*, logits: list[float], noise: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return actions and log-probabilities of a head whose logits are its bias alone."""
    bias = np.array(logits, np.float32)
    actions, log_probs = np.empty(len(features), np.int32), np.empty(len(features), np.float32)
    head = CategoricalHead({"logits.weight": np.zeros((len(bias), 1), np.float32), "logits.bias": bias})
    head.act(features, noise, actions=actions, log_probs=log_probs)
    return actions, log_probs


def test_gaussian_action_is_mean_plus_noise_times_std() -> None:
    """Feature 2, std e^-1, noise 0, 1, -2: by hand 2, -2 + 0.367879, 1 - 0.735759."""
    actions, log_probs = np.empty((1, 3), np.float32), np.empty(1, np.float32)
    noise = np.array([[0, 1, -2]], np.float32)
    _gaussian(log_std=-1).act(np.full((1, 1), 2, np.float32), noise, actions=actions, log_probs=log_probs)
    np.testing.assert_allclose(actions, [[2, -1.632121, 0.264241]], rtol=1e-5)


def test_gaussian_log_prob_is_the_density() -> None:
    """Standard normal at 0 in three dimensions: -1.5 log(2π) = -2.756816; std e adds -3; noise 2 adds -2."""
    features, actions, log_probs = (
        np.zeros((2, 1), np.float32),
        np.empty((2, 3), np.float32),
        np.empty(2, np.float32),
    )
    noise = np.array([[0, 0, 0], [2, 0, 0]], np.float32)
    _gaussian(log_std=0).act(features, noise, actions=actions, log_probs=log_probs)
    np.testing.assert_allclose(log_probs, [-2.756816, -4.756816], rtol=1e-6)
    _gaussian(log_std=1).act(features, noise, actions=actions, log_probs=log_probs)
    np.testing.assert_allclose(log_probs, [-5.756816, -7.756816], rtol=1e-6)


def test_gaussian_is_bit_for_bit_the_plain_formula() -> None:
    """Buffers change no bit of what one rollout after another has recorded: products, then sums, in this order."""
    rng = np.random.default_rng(0)
    weight, bias, log_std = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 16), (3,), (3,)))
    features, noise = (rng.normal(size=(64, width)).astype(np.float32) for width in (16, 3))
    actions, log_probs = np.empty((64, 3), np.float32), np.empty(64, np.float32)
    head = GaussianHead({"mean.weight": weight, "mean.bias": bias, "log_std": log_std})
    head.act(features, noise, actions=actions, log_probs=log_probs)
    mean = features @ np.ascontiguousarray(weight.T) + bias
    constant = np.float32(float(log_std.sum()) + 1.5 * math.log(2 * math.pi))
    np.testing.assert_array_equal(actions, noise * np.exp(log_std) + mean)
    np.testing.assert_array_equal(log_probs, -0.5 * np.square(noise).sum(axis=-1) - constant)


def test_without_noise_the_likeliest_choice_is_made() -> None:
    """Logits log 1, log 2, log 5: the third, with probability 5/8; so too 1,000 higher, where e^x overflows."""
    logits = [math.log(1), math.log(2), math.log(5)]
    features, noise = np.zeros((1, 1), np.float32), np.zeros((1, 3), np.float32)
    for shift, tolerance in ((0, 1e-6), (1000, 1e-3)):
        actions, log_probs = _choose(
            logits=[logit + shift for logit in logits], noise=noise, features=features
        )
        assert actions[0] == 2
        np.testing.assert_allclose(log_probs, [math.log(5 / 8)], rtol=tolerance)


def test_choices_come_as_often_as_their_probability_says() -> None:
    """40,000 draws of probabilities 1/8, 2/8, 5/8: each share within 0.01, four standard errors."""
    spec = TaskSpec(task="any", frame_shape=(1,), num_actions=3, episode_steps=1, segment_steps=1, step_s=1.0)
    noise = draw_noise(np.random.default_rng(0), (40_000,), spec=spec)
    actions, log_probs = _choose(
        logits=[math.log(1), math.log(2), math.log(5)],
        noise=noise,
        features=np.zeros((40_000, 1), np.float32),
    )
    shares = np.bincount(actions, minlength=3) / 40_000
    np.testing.assert_allclose(shares, [1 / 8, 2 / 8, 5 / 8], atol=0.01)
    np.testing.assert_allclose(log_probs, np.log([1 / 8, 2 / 8, 5 / 8])[actions], rtol=1e-5)
