"""Runs that learn nothing say so, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from somersault.cli.monitoring.lessons import Lessons
from somersault.cli.monitoring.warnings import Warnings
from somersault.cli.results.evaluation import Evaluation
from somersault.cli.results.headline import headline
from somersault.cli.results.summary import describe, result_of, summarise
from somersault.cli.run.folder import RunFolder
from somersault.cli.services.notices import Notices
from somersault.runtime import telemetry
from somersault.tasks import get_task
from somersault.v1 import simulator_pb2
from tests.somersault.cli.conftest import make_config
from tests.somersault.cli.monitoring.test_progress import make_progress


def lessons(**changes: int) -> Lessons:
    """Counts of a run whose twenty labels were all used on preferences."""
    values = {
        "num_labels": 20,
        "label_budget": 20,
        "num_preferring": 20,
        "num_equal": 0,
        "num_incomparable": 0,
        "num_open": 0,
    }
    return Lessons(**{**values, **changes})


NONE = {"num_preferring": 0}


@pytest.mark.parametrize(
    ("changes", "reward_version", "reason"),
    [
        ({}, 3, None),
        ({"num_preferring": 1, "num_incomparable": 19}, 1, None),
        (NONE | {"num_incomparable": 20}, 0, "no answer could compare the two clips (20 of 20 answers)"),
        (NONE | {"num_equal": 20}, 4, "both clips were called equally good in all of 20 answers"),
        (NONE | {"num_equal": 5, "num_incomparable": 15}, 1, "prefers a clip: 5 say equal, 15 can't compare"),
        ({}, 0, "no answer of 20 could be learned from; logs/reward.log says why"),
        (NONE | {"num_labels": 0}, 0, "nothing was asked; give it more --steps"),
        (NONE | {"num_labels": 0, "num_open": 1}, 0, "1 question was asked and none answered"),
    ],
)
def test_a_run_that_ended_knows_whether_it_learned(
    changes: dict[str, int], reward_version: int, reason: str | None
) -> None:
    """From which answers there were, and whether any was learned."""
    told = lessons(**changes).why_nothing(reward_version=reward_version)
    assert told == reason if reason is None else reason in str(told)


def test_a_run_that_was_finished_before_it_asked_is_not_told_to_take_more_steps() -> None:
    """It had as many as were wanted, and somebody wanted no more."""
    told = lessons(num_labels=0, num_preferring=0).why_nothing(reward_version=0, is_early=True)
    assert told == "it was finished before anything was asked"
    few = lessons(num_labels=3, num_preferring=3).why_nothing(reward_version=0, is_early=True)
    assert few == "it was finished before its first answers were learned from, with 3 of them given"


@pytest.mark.parametrize(
    ("changes", "is_clear"),
    [
        (NONE | {"num_labels": 9, "num_incomparable": 9}, False),
        (NONE | {"num_labels": 10, "num_incomparable": 10}, True),
        (NONE | {"num_labels": 3, "num_equal": 3, "label_budget": 3}, True),
        ({"num_labels": 10, "num_preferring": 1, "num_equal": 9}, False),
        (NONE | {"num_labels": 0}, False),
        (NONE | {"num_labels": 0, "label_budget": 0}, False),
    ],
)
def test_it_is_said_while_the_run_goes_on_once_it_is_clear(changes: dict[str, int], is_clear: bool) -> None:
    """Not of the first few answers, unless there are to be no more."""
    assert (lessons(**changes).why_nothing_yet() is not None) is is_clear


def test_each_warning_is_shown_once() -> None:
    """Whatever comes of it: progress is looked at twice a second."""
    said: list[str] = []
    warnings = Warnings(said.append)
    warnings.note(make_progress(num_preferring=3), notices=[])
    assert said == []
    futile = make_progress(num_labels=10, label_budget=20, num_incomparable=10, has_broken_returns=True)
    for _ in range(2):
        warnings.note(futile, notices=["teacher: the true reward at step 3 is nan"])
    assert said == [
        "warning: teacher: the true reward at step 3 is nan",
        "warning: the true reward of episodes is not finite, so no teacher can compare them; fix the environment",
        "warning: there is nothing to learn from yet: no answer could compare the two clips (10 of 10 answers)",
    ]


def test_a_service_is_heard_from_its_log(tmp_path: Path) -> None:
    """What it marks, once, from now on, and no half line."""
    log = tmp_path / "teacher.log"
    assert Notices(log).read() == []
    row = {"event": "told_owner", telemetry.NOTICE: "an earlier life"}
    log.write_text(json.dumps(row) + "\n")
    notices = Notices(log)
    whole = json.dumps({**row, telemetry.NOTICE: "now"})
    with log.open("a") as file:
        file.write(f'{{"event": "other"}}\nno JSON with "notice"\n{whole}\n{whole[:20]}')
    assert notices.read() == ["now"]
    assert notices.read() == []
    with log.open("a") as file:
        file.write(f"{whole[20:]}\n")
    assert notices.read() == ["now"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_true_reward_that_is_not_finite_is_null_in_the_summary(value: float, tmp_path: Path) -> None:
    """And is said in words where a person reads it, never compared with chance."""
    evaluation = Evaluation(
        policy_version=3,
        episodes=(simulator_pb2.EpisodeResult(true_return=value), simulator_pb2.EpisodeResult(true_return=1)),
        best_segment_id="x",
    )
    progress = make_progress(num_labels=9, num_incomparable=9)
    config = make_config(RunFolder(tmp_path / "run"))
    summary = summarise(config, progress, evaluation, wall_s=5.0, num_restarts=0)
    task = get_task("hopper-backflip")
    reason = "no answer could compare the two clips (9 of 9 answers)"
    assert summary["true_return_mean"] is None
    assert summary["nothing_learned_because"] == reason
    assert headline(task, summary) == f"Nothing was learned: {reason}."
    assert "true return is unknown because the true reward is not finite" in describe(summary, task=task)
    assert not result_of(summary, task=task).HasField("true_return_mean")
    learned = {**summary, "nothing_learned_because": None}
    assert headline(get_task("walker"), learned) == (
        "Walker: how well the agent does is unknown because its true reward is not finite."
    )
