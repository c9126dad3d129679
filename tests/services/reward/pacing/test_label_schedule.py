"""When labels are due."""

from __future__ import annotations

import pytest

from services.reward.pacing.label_schedule import LabelScheduleConfig, labels_due

_CONFIG = LabelScheduleConfig(num_labels=60, initial_fraction=0.2, last_label_step=1_000)


@pytest.mark.parametrize(
    ("env_steps", "due"), [(0, 12), (250, 24), (500, 36), (999, 59), (1_000, 60), (9_000, 60)]
)
def test_labels_come_at_once_and_then_evenly(env_steps: int, due: int) -> None:
    """Twelve at the start, the other 48 evenly over a thousand steps, then none."""
    assert labels_due(_CONFIG, env_steps) == due


@pytest.mark.parametrize(
    ("num_given", "due"),
    [(5, [12, 36, 60, 60]), (12, [12, 36, 60, 60]), (40, [40, 50, 60, 60]), (60, [60, 60, 60, 60])],
)
def test_given_labels_stand_in_for_the_first_share(num_given: int, due: list[int]) -> None:
    """Of 60: fewer than the first 12 leave it as it is, 40 leave 20 to be spread, and 60 leave nothing."""
    config = LabelScheduleConfig(
        num_labels=60, initial_fraction=0.2, last_label_step=1_000, num_given=num_given
    )
    assert [labels_due(config, env_steps) for env_steps in (0, 500, 1_000, 2_000)] == due


def test_smallest_budget_still_asks_once() -> None:
    """One label is due at the start whatever the first share is."""
    config = LabelScheduleConfig(num_labels=1, initial_fraction=0.01, last_label_step=1_000)

    assert labels_due(config, 0) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("num_labels", 0), ("initial_fraction", 0.0), ("last_label_step", 0), ("num_given", 61)],
)
def test_impossible_schedule_is_refused_by_name(field: str, value: float) -> None:
    """The message names the field."""
    with pytest.raises(ValueError, match=field):
        LabelScheduleConfig(**{field: value})  # type: ignore[arg-type]
