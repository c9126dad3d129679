"""How many labels come due with a step."""

from __future__ import annotations

import pytest

from services.reward.config import RewardConfig
from services.reward.pacing import Pacing


def test_what_is_wished_next_is_what_will_come_due() -> None:
    """Of 100 labels 20 are due at once and the others over 800 steps: one in ten steps, none once all are due."""
    config = RewardConfig(
        task="t",
        run_id="r",
        storage_url="memory://",
        label_budget=100,
        total_env_steps=1000,
        initial_fraction=0.2,
        labeling_fraction=0.8,
    )
    pacing = Pacing(config)
    assert pacing.num_due_per_step(0) == pytest.approx(0.1)
    assert pacing.num_due_per_step(400) == pytest.approx(0.1)
    assert pacing.num_due_per_step(800) == 0
    assert pacing.num_due_per_step(900) == 0
