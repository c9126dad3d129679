"""The clipped objective by hand."""

from __future__ import annotations

import pytest
import torch

from services.learner.algorithms.ppo.objective import clipped_objective


def test_objective_is_clipped_only_where_clipping_is_pessimistic() -> None:
    """Ratios 1.5, 1.5, 0.5, 0.5 with advantages 1, -1, 1, -1: by hand 1.2, -1.5, 0.5, -0.8."""
    log_ratio = torch.log(torch.tensor([1.5, 1.5, 0.5, 0.5]))
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])

    loss, ratio = clipped_objective(log_ratio, advantages, clip_ratio=0.2)

    assert loss.item() == pytest.approx(-(1.2 - 1.5 + 0.5 - 0.8) / 4)
    torch.testing.assert_close(ratio, torch.tensor([1.5, 1.5, 0.5, 0.5]))
