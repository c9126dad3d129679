"""How many labels come due with a step, and how far the learner may go without them."""

from __future__ import annotations

from typing import Any

import pytest

from services.reward.config import RewardConfig
from services.reward.pacing.label_pacing import NO_HORIZON, LabelPacing, QueryCounts


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
    pacing = LabelPacing(config)
    assert pacing.num_due_per_step(0) == pytest.approx(0.1)
    assert pacing.num_due_per_step(400) == pytest.approx(0.1)
    assert pacing.num_due_per_step(800) == 0
    assert pacing.num_due_per_step(900) == 0


def _pacing(**settings: Any) -> LabelPacing:
    values = {"label_budget": 20, "total_env_steps": 1000, "labeling_fraction": 0.8, "max_label_lag": "auto"}
    return LabelPacing(RewardConfig(task="t", run_id="r", storage_url="memory://", **{**values, **settings}))


def _counts(answered: int, *, num_open: int = 0) -> QueryCounts:
    return QueryCounts(num_asked=answered + num_open, num_open=num_open, num_answered=answered)


@pytest.mark.parametrize(
    ("budget", "lag"), [(1, 1), (9, 1), (20, 2), (60, 6), (100, 10), (101, 10), (5000, 10)]
)
def test_the_lag_of_people_grows_with_the_budget(budget: int, lag: int) -> None:
    """A tenth of it, 1 to 10; also when the owner changes it."""
    assert _pacing(label_budget=budget).max_label_lag == lag
    pacing = _pacing(label_budget=7)
    pacing.set_budget(budget)
    assert pacing.max_label_lag == lag


@pytest.mark.parametrize(("lag", "expected"), [(None, None), (3, 3)])
def test_a_lag_that_is_set_stays(lag: int | None, expected: int | None) -> None:
    """None never waits."""
    assert _pacing(max_label_lag=lag).max_label_lag == expected


def _may(pacing: LabelPacing, env_steps: int, answered: int) -> bool:
    return env_steps <= pacing.horizon(_counts(answered), has_segments=True, is_pretrained=True)


def test_the_learner_goes_on_while_answers_are_within_the_lag() -> None:
    """Of 20 labels 4 are due at once and one in every 50 steps; it may be 2 behind."""
    pacing = _pacing()
    for env_steps in range(0, 800, 7):
        for answered in range(4, 20):
            assert _may(pacing, env_steps, answered) == (pacing.num_due(env_steps) - answered <= 2)


def test_no_step_at_which_all_are_due_is_made_before_all_are_answered() -> None:
    """One answer missing of 20 holds the learner at step 800 of 1,000; none does not, nor a lower budget or a finish."""
    pacing = _pacing()
    assert _may(pacing, 799, 19)
    assert not _may(pacing, 800, 19)
    assert _may(pacing, 1000, 20)
    pacing.set_budget(19)
    assert _may(pacing, 1000, 19)
    pacing.set_budget(40)
    assert not _may(pacing, 1000, 20)
    pacing.is_finishing = True
    assert _may(pacing, 1000, 20)
    assert pacing.num_to_ask_ahead(1000, _counts(20), is_pretrained=True) == 0


def test_without_people_a_pretrained_learner_never_waits() -> None:
    """Nor does any learner at the start, while there is nothing to ask about; but a run with people doesn't end that way."""
    assert _may(_pacing(max_label_lag=None), 1000, 4)
    nothing = QueryCounts(num_asked=0, num_open=0, num_answered=0, has_begun=False)
    for lag, horizon in (("auto", 799), (None, NO_HORIZON)):
        found = _pacing(max_label_lag=lag).horizon(nothing, has_segments=False, is_pretrained=False)
        assert found == horizon


def test_what_is_awaited_is_what_the_learner_lacks_to_go_on() -> None:
    """The first share, then what is missing to be within the lag, at the end all; 0 where it may go on."""
    pacing = _pacing()

    def awaited(env_steps: int, answered: int, *, is_pretrained: bool = True) -> int:
        counts = _counts(answered, num_open=4)
        return pacing.num_awaited(env_steps, counts, has_segments=True, is_pretrained=is_pretrained)

    assert awaited(10, 1, is_pretrained=False) == 3
    assert awaited(10, 4, is_pretrained=False) == 1  # they taught nothing
    assert awaited(0, 4) == 0
    assert awaited(400, 10) == 0  # 12 are due
    assert awaited(400, 7) == 3
    assert awaited(900, 15) == 5
    assert awaited(900, 20) == 0


def test_more_is_asked_where_all_answers_taught_nothing() -> None:
    """No pair of the first share could be compared, nor those ahead: without more, there would never be a reward."""
    pacing = _pacing()
    assert pacing.num_to_ask_ahead(10, _counts(12), is_pretrained=False) == 8
    assert pacing.num_to_ask_ahead(10, _counts(12), is_pretrained=True) == 0


def test_a_raised_budget_asks_more_and_a_lowered_one_no_more() -> None:
    """At the end of a run, too."""
    pacing = _pacing()
    assert pacing.num_to_ask_ahead(1000, _counts(20), is_pretrained=True) == 0
    pacing.set_budget(25)
    assert pacing.num_to_ask_ahead(1000, _counts(20), is_pretrained=True) == 5
    pacing.set_budget(10)
    assert pacing.num_to_ask_ahead(1000, _counts(20), is_pretrained=True) == 0
    assert pacing.num_to_ask(1000, _counts(20)) == 0
