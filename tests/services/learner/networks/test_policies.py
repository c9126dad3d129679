"""Distributions over actions against torch's own and closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from services.learner.networks import CategoricalPolicy, GaussianPolicy, TanhTorso


def _torso() -> TanhTorso:
    return TanhTorso(observation_dim=4, hidden_size=8, generator=torch.Generator().manual_seed(0))


def _gaussian(*, action_dim: int = 2) -> GaussianPolicy:
    generator = torch.Generator().manual_seed(1)
    return GaussianPolicy(_torso(), action_dim=action_dim, initial_log_std=-0.5, generator=generator)


def _choosing(logits: list[float]) -> CategoricalPolicy:
    """Return a policy with these logits whatever the features."""
    policy = CategoricalPolicy(_torso(), choices=[len(logits)], generator=torch.Generator())
    with torch.no_grad():
        policy.logits.weight.zero_()
        policy.logits.bias.copy_(torch.tensor(logits))
    return policy


def test_gaussian_is_the_normal_distribution() -> None:
    """Density and entropy equal those of torch's own distribution."""
    policy, generator = _gaussian(), torch.Generator().manual_seed(2)
    features, actions = (torch.randn(6, width, generator=generator) for width in (8, 2))
    with torch.no_grad():
        normal = torch.distributions.Normal(policy.mean(features), math.exp(-0.5))
        log_prob, entropy = policy.log_prob_and_entropy(features, actions)
    torch.testing.assert_close(log_prob, normal.log_prob(actions).sum(-1))
    torch.testing.assert_close(entropy, normal.entropy()[0].sum())


def test_categorical_is_the_softmax() -> None:
    """Logits log 1, log 2, log 5: probabilities 1/8, 2/8, 5/8; entropy 3 log 2 - (2 log 2 + 5 log 5) / 8."""
    policy = _choosing([math.log(1), math.log(2), math.log(5)])
    log_prob, entropy = policy.log_prob_and_entropy(torch.ones(3, 8), torch.tensor([0, 1, 2]))
    torch.testing.assert_close(log_prob.exp(), torch.tensor([1 / 8, 2 / 8, 5 / 8]))
    assert entropy.item() == pytest.approx(3 * math.log(2) - (2 * math.log(2) + 5 * math.log(5)) / 8)


def test_categorical_entropy_is_the_mean_over_observations() -> None:
    """One row is certain and one is even between two choices: half of log 2."""
    policy = _choosing([0.0, 0.0])
    with torch.no_grad():
        policy.logits.weight[0, 0] = 100.0
    features = torch.zeros(2, 8)
    features[1, 0] = 1.0
    _, entropy = policy.log_prob_and_entropy(features, torch.tensor([0, 0]))
    assert entropy.item() == pytest.approx(math.log(2) / 2)


def test_gradient_of_a_choice_is_one_hot_less_probabilities() -> None:
    """The score function of a softmax, d log p(1) / d logits = e_1 - p, by hand for p = 1/8, 2/8, 5/8."""
    policy = _choosing([math.log(1), math.log(2), math.log(5)])
    log_prob, _ = policy.log_prob_and_entropy(torch.zeros(1, 8), torch.tensor([1]))
    log_prob.sum().backward()
    torch.testing.assert_close(policy.logits.bias.grad, torch.tensor([-1 / 8, 1 - 2 / 8, -5 / 8]))


def test_gradient_of_the_entropy_is_its_finite_difference() -> None:
    """Central differences of 1e-3 on each logit."""
    logits = [0.3, -0.7, 1.1]
    policy = _choosing(logits)
    _, entropy = policy.log_prob_and_entropy(torch.zeros(1, 8), torch.tensor([0]))
    entropy.backward()
    for index in range(3):
        either = []
        for shift in (1e-3, -1e-3):
            moved = [logit + shift * (place == index) for place, logit in enumerate(logits)]
            either.append(_choosing(moved).log_prob_and_entropy(torch.zeros(1, 8), torch.tensor([0]))[1])
        difference = (either[0] - either[1]).item() / 2e-3
        assert policy.logits.bias.grad[index].item() == pytest.approx(difference, abs=1e-3)
