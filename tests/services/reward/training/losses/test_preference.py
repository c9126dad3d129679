"""Bradley–Terry loss with the error floor: closed form, finite differences, numbers by hand."""

from __future__ import annotations

import math

import pytest
import torch

from services.reward.training.losses.preference import preference_loss, preference_probability


def _loss(difference: float, mu: float) -> float:
    left, right = torch.tensor([[difference]]), torch.zeros(1, 1)
    return preference_loss(left, right, torch.tensor([mu])).item()


def test_equal_returns_give_half_probability() -> None:
    """Two segments that are worth the same are a coin's toss."""
    assert preference_probability(torch.tensor(3.0), torch.tensor(3.0)).item() == 0.5


def test_indifferent_prediction_costs_log_two() -> None:
    """Whatever the answer, predicting ½ costs log 2."""
    for mu in (0.0, 0.5, 1.0):
        assert _loss(0.0, mu) == pytest.approx(math.log(2.0))


def test_known_odds_give_the_number_worked_out_by_hand() -> None:
    """Log-odds of log 3 give P = ¾ and P' = 0.9 · 0.75 + 0.05 = 0.725."""
    assert _loss(math.log(3.0), 1.0) == pytest.approx(-math.log(0.725), rel=1e-5)
    assert _loss(math.log(3.0), 0.0) == pytest.approx(-math.log(0.275), rel=1e-5)
    half = -0.5 * math.log(0.725) - 0.5 * math.log(0.275)
    assert _loss(math.log(3.0), 0.5) == pytest.approx(half, rel=1e-5)


def test_wrong_certainty_costs_no_more_than_an_error_is_likely() -> None:
    """However sure the prediction, a contrary answer costs log 20, a like one -log 0.95."""
    assert _loss(1e6, 0.0) == pytest.approx(math.log(20.0), rel=1e-4)
    assert _loss(1e6, 1.0) == pytest.approx(-math.log(0.95), rel=1e-4)


def test_gradient_is_that_of_finite_differences() -> None:
    """Autograd agrees with a central difference in double precision for each answer."""
    mu = torch.tensor([1.0, 0.0, 0.5], dtype=torch.float64)
    left = torch.tensor([[0.3, -1.2, 2.0]], dtype=torch.float64, requires_grad=True)
    right = torch.tensor([[0.1, 0.4, -0.5]], dtype=torch.float64)
    preference_loss(left, right, mu).sum().backward()
    assert left.grad is not None

    step = 1e-6
    with torch.no_grad():
        above = preference_loss(left + step, right, mu)
        below = preference_loss(left - step, right, mu)
    torch.testing.assert_close(left.grad, (above - below) / (2 * step), rtol=1e-6, atol=1e-8)


def test_equal_answer_pulls_returns_together() -> None:
    """The gradient of an equal answer lowers the higher side."""
    left = torch.tensor([[2.0]], requires_grad=True)
    preference_loss(left, torch.zeros(1, 1), torch.tensor([0.5])).sum().backward()
    assert left.grad is not None
    assert left.grad.item() > 0
