"""When labels are due."""

from __future__ import annotations

import pytest

from services.reward.label_schedule import LabelScheduleConfig, labels_due

_CONFIG = LabelScheduleConfig(num_labels=60, initial_fraction=0.2, last_label_step=1_000)


@pytest.mark.parametrize(
    ("env_steps", "due"), [(0, 12), (250, 24), (500, 36), (999, 59), (1_000, 60), (9_000, 60)]
)
def test_labels_come_at_once_and_then_evenly(env_steps: int, due: int) -> None:
    """Twelve at the start, the other 48 evenly over a thousand steps, then none."""
    assert labels_due(_CONFIG, env_steps) == due


def test_smallest_budget_still_asks_once() -> None:
    """One label is due at the start whatever the first share is."""
    config = LabelScheduleConfig(num_labels=1, initial_fraction=0.01, last_label_step=1_000)

    assert labels_due(config, 0) == 1


@pytest.mark.parametrize(
    ("field", "value"), [("num_labels", 0), ("initial_fraction", 0.0), ("last_label_step", 0)]
)
def test_impossible_schedule_is_refused_by_name(field: str, value: float) -> None:
    """The message names the field."""
    with pytest.raises(ValueError, match=field):
        LabelScheduleConfig(**{field: value})  # type: ignore[arg-type]
