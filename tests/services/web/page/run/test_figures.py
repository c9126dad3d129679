"""What the run page makes of a run's reports: no figure that misleads. The functions themselves, without a browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.services.web.page.page_module import called

_BEGIN = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _point(seconds: float, steps: int, **fields: Any) -> dict[str, Any]:
    """Return a report some seconds after the first; zeros are left out, as protobuf's JSON does."""
    time = (_BEGIN + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    point = {"number": "1", "reportTime": time, "totalEnvSteps": "100000", "rewardVersion": "5"} | fields
    return point | ({"envSteps": str(steps)} if steps else {})


def _steps(points: list[dict[str, Any]]) -> list[int]:
    return [int(point.get("envSteps", 0)) for point in points]


def test_a_resumed_learner_replaces_what_it_does_anew() -> None:
    """Back at its checkpoint of 20,000 after 30,000: the curve never runs back, and keeps what was before 20,000."""
    reported = [_point(5 * i, steps) for i, steps in enumerate([0, 10_000, 20_000, 30_000, 20_000, 25_000])]
    assert _steps(called("run/history.ts", "continuous", reported)) == [0, 10_000, 20_000, 20_000, 25_000]


def test_a_report_of_no_place_yet_erases_nothing() -> None:
    """A restarted reward service reports 0 until the learner tells it 20,000: the curve doesn't go back to the start."""
    reported = [_point(5 * i, steps) for i, steps in enumerate([0, 10_000, 25_000, 0, 0, 20_000, 21_000])]
    assert _steps(called("run/history.ts", "continuous", reported)) == [0, 10_000, 20_000, 21_000]
    assert called("run/history.ts", "isResuming", reported[:5])
    assert not called("run/history.ts", "isResuming", reported)


def test_a_run_begun_anew_begins_its_curve_anew() -> None:
    """Without a checkpoint the learner makes its first steps again: nothing of the old curve holds."""
    reported = [_point(5 * i, steps) for i, steps in enumerate([0, 10_000, 25_000, 0, 100, 200])]
    assert _steps(called("run/history.ts", "continuous", reported)) == [0, 100, 200]


def _going_on(
    *, steps_per_s: int, seconds: int, begin_s: int = 0, begin_steps: int = 0, **last: Any
) -> list[Any]:
    points = [
        _point(begin_s + at, begin_steps + steps_per_s * at, numAnswered=str(10 + at // 10))
        for at in range(0, seconds + 1, 5)
    ]
    return [*points[:-1], points[-1] | last]


def _time_left(
    points: list[dict[str, Any]], *, awaited: int = 0, answered: int = 60, budget: int = 60
) -> dict[str, str]:
    waiting = {"numAwaited": awaited, "numAnswered": answered, "labelBudget": budget}
    told: dict[str, str] = called("run/estimates.ts", "timeLeft", points, waiting)
    return told


def test_no_pace_is_told_across_a_resume() -> None:
    """From 0 to the checkpoint at 60,000 in five seconds is no pace; two minutes later at 100 steps per second there is one."""
    before = [_point(0, 50_000), _point(5, 60_000), _point(305, 0)]
    after = _going_on(steps_per_s=100, seconds=120, begin_s=310, begin_steps=60_000)
    assert called("run/estimates.ts", "stepsPerSecond", [*before, after[0], after[1]]) is None
    assert called("run/estimates.ts", "stepsPerSecond", [*before, *after]) == pytest.approx(100)


def test_time_left_is_not_guessed_after_the_second_answer() -> None:
    """Ten seconds in, nothing is known; while answers are missing, it waits for them, however long that takes."""
    early = _going_on(steps_per_s=10, seconds=10)
    assert _time_left(early, answered=2)["value"] == "not known yet"
    later = _going_on(steps_per_s=10, seconds=300)
    assert _time_left(later, awaited=12, answered=2) == {
        "value": "not known yet",
        "more": "waiting for 12 answers",
    }


def test_time_left_counts_the_steps_and_the_labels() -> None:
    """70,000 steps at 100 a second are 12 minutes; 60 labels at one in ten seconds are 10, 600 are 100."""
    points = _going_on(steps_per_s=100, seconds=300)
    assert _time_left(points)["value"] == "about 12 min"
    assert _time_left(points, answered=40, budget=100)["value"] == "about 12 min"
    assert _time_left(points, answered=40, budget=640)["value"] == "about 2 h"


def test_time_left_without_answers_is_a_bound() -> None:
    """No answers came lately and 20 labels are open: there is no pace to go by."""
    points = [point | {"numAnswered": "40"} for point in _going_on(steps_per_s=100, seconds=300)]
    assert _time_left(points, answered=40) == {
        "value": "at least 12 min",
        "more": "and until 20 more labels are answered",
    }


@pytest.mark.parametrize(
    ("due", "awaited", "answered", "value", "more"),
    [
        (23, 0, 4, "16 now", "the last ones of the run"),
        (23, 19, 20, "none", "all labels of the run are answered"),
        (8, 0, 4, "4 now", "then 12 more"),
        (4, 6, 4, "6 now", "then 10 more"),
        (14, 6, 4, "6 to continue", "10 are due now, then 6 more"),
        (4, 0, 4, "none now", "then 16 more"),
    ],
)
def test_never_more_is_needed_than_the_budget_has_left(due, awaited, answered, value, more) -> None:
    """Of a budget of 20, whatever the schedule says."""
    waiting = {"numAwaited": awaited, "numAnswered": answered, "labelBudget": 20}
    told = called("run/estimates.ts", "needs", _point(0, 100, numLabelsDue=str(due)), waiting)
    assert told == {"value": value, "more": more}


def test_a_rate_is_not_told_for_labels_that_are_not_there() -> None:
    """35,000 answers an hour, but 16 in all: they are due within two seconds."""
    point = _point(0, 100, numLabelsDue="4", wishedLabelsPerHour=35_000)
    waiting = {"numAwaited": 0, "numAnswered": 4, "labelBudget": 20}
    assert called("run/estimates.ts", "needs", point, waiting)["more"] == "then 16 more within about 2 s"


@pytest.mark.parametrize(
    ("share", "count", "value"),
    [(1.0, 1, "too early to say"), (1.0, 9, "too early to say"), (0.8, 20, "80%"), (1.0, 10, "100%")],
)
def test_accuracy_is_told_after_ten_answers(share, count, value) -> None:
    """One right of one isn't 100%."""
    point = _point(0, 100, preferenceAccuracy=share, numAccuracyPreferences=str(count))
    assert called("run/estimates.ts", "predictedCorrectly", point)["value"] == value


def test_accuracy_has_its_interval() -> None:
    """Wilson's of 16 of 20 is 58.4 to 91.9%."""
    point = _point(0, 100, preferenceAccuracy=0.8, numAccuracyPreferences="20")
    assert called("run/estimates.ts", "predictedCorrectly", point)["more"].endswith("95% interval 58 to 92%")
    assert called("chart/interval.ts", "wilson", 0.8, 20) == pytest.approx([0.584, 0.919], abs=1e-3)


def test_a_prediction_is_not_sure_after_one_answer() -> None:
    """The network says 98%; after one answer that means nothing."""
    prediction = {"left": [], "right": [], "leftProbability": 0.98, "reach": 1}
    assert "%" not in called("clips/prediction.ts", "predictedWords", prediction, 1)
    assert "98%" in called("clips/prediction.ts", "predictedWords", prediction, 10)
    assert called("clips/prediction.ts", "predictedWords", prediction, None) == "predicted left"
    assert called("clips/prediction.ts", "isRight", prediction, "PREFERENCE_LEFT", 1) is None
    assert called("clips/prediction.ts", "isRight", prediction, "PREFERENCE_LEFT", 12) is True


@pytest.mark.parametrize(
    ("count", "budget", "words"),
    [(7, 20, "7 of 20"), (0, 20, "0 of 20"), (20, 20, "20 of 20"), (5, 2, "5"), (7, 0, "7"), (0, 0, "0")],
)
def test_no_count_is_above_what_it_is_of(count: int, budget: int, words: str) -> None:
    """Five answers are never "5 of 2", even if the owner lowered the budget."""
    assert called("shell/words.ts", "ofBudget", count, budget) == words


_RUNNING = {
    "state": "RUN_STATE_RUNNING",
    "isPaused": False,
    "isFinishing": False,
    "ageS": 3,
    "numAwaited": 0,
    "numAnswered": 6,
    "labelBudget": 20,
}


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({}, "running", "Running"),
        ({"numAwaited": 12}, "awaiting", "Waiting for 12 answers"),
        ({"numAwaited": 34}, "awaiting", "Waiting for 14 answers"),
        ({"numAwaited": 34, "numAnswered": 20}, "running", "Running"),
        ({"isPaused": True, "numAwaited": 12}, "paused", "Paused: no one is asked"),
        ({"ageS": 200}, "silent", "No report for 3 min"),
        ({"isFinishing": True, "numAwaited": 12}, "finishing", "Finishing with its current policy"),
        ({"state": "RUN_STATE_STOPPED", "ageS": 9000}, "stopped", "Stopped early"),
        ({"state": "RUN_STATE_FINISHED", "ageS": 9000, "isPaused": True}, "finished", "Finished"),
        ({"points": []}, "waiting", "Waiting for the first report"),
    ],
)
def test_a_run_stands_where_it_stands(fields, kind, words) -> None:
    """It isn't running while it waits for answers, and never waits for more than its budget has left."""
    inputs = {"points": [_point(0, 100), _point(5, 200)]} | _RUNNING | fields
    standing = called("run/status/status.ts", "statusOf", inputs)
    assert (standing["kind"], standing["words"]) == (kind, words)


@pytest.mark.parametrize(
    ("stats", "sentence"),
    [
        ({"numAnswered": "12", "numLeft": "1", "numIncomparable": "11"}, ""),
        ({"numAnswered": "9", "numIncomparable": "9"}, ""),
        (
            {"numAnswered": "12", "numIncomparable": "12"},
            "the 12 answers so far: none could compare the clips.",
        ),
        ({"numAnswered": "12", "numEqual": "12"}, "the 12 answers so far: all call both clips equal."),
        (
            {"numAnswered": "12", "numEqual": "2", "numIncomparable": "10"},
            "answers so far: none prefers a clip.",
        ),
    ],
)
def test_answers_that_teach_nothing_are_named(stats, sentence) -> None:
    """As soon as it is clear, so that no one keeps answering in vain."""
    told = called("run/status/status.ts", "nothingLearned", stats, 20)
    assert sentence in told
    assert bool(told) is bool(sentence)


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [
        (20, "6 labels answered so far: 14 more will be asked for, as now."),
        (
            30,
            "6 labels answered so far: 24 more will be asked for, 10 more than now. They are spread over the remaining steps.",
        ),
        (
            8,
            "6 labels answered so far: 2 more will be asked for, 12 fewer than now. They are spread over the remaining steps.",
        ),
        (
            5,
            "6 labels answered so far: no more will be asked for, and the learner uses up its steps with those.",
        ),
        (0, "A whole number from 1 to 1,000,000."),
        (1_000_001, "A whole number from 1 to 1,000,000."),
    ],
)
def test_a_new_budget_says_what_it_will_mean(budget, sentence) -> None:
    """Before it is set."""
    now = {"labelBudget": 20, "numAnswered": 6}
    assert called("run/controls/budget_dialog.tsx", "meaningOf", budget, now) == sentence
