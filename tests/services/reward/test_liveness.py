"""A run can always go on: whatever was answered, skipped, killed, paused and changed, in whatever order."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.services.reward.world.walk import Liveness


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Log nothing: two thousand runs have much to say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def _walk(max_examples: int, num_steps: int, *, is_same_each_time: bool = False) -> None:
    run_state_machine_as_test(
        Liveness,
        settings=settings(
            max_examples=max_examples,
            stateful_step_count=num_steps,
            deadline=None,
            derandomize=is_same_each_time,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.usefixtures("_quiet")
def test_a_run_goes_on_after_whatever_befell_it() -> None:
    """Answers, silence, skips, failures, kills, resumes, pauses and changes of the budget, in many orders."""
    _walk(max_examples=60, num_steps=20, is_same_each_time=True)


@pytest.mark.slow
@pytest.mark.usefixtures("_quiet")
@pytest.mark.timeout(3600)
def test_a_run_goes_on_after_whatever_befell_it_in_two_thousand_orders() -> None:
    """The same, 2,000 times and longer."""
    _walk(max_examples=2000, num_steps=30)
