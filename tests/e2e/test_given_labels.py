"""Runs that are taught by another run's labels: nothing is asked, and they learn; and that they are a function of their seed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from somersault.runs.database import open_database
from somersault.tasks import get_task
from tests.e2e.runs import train

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

_TASK = "pendulum"
_STEPS = 120_000
_OF_A_RANDOM_POLICY = 0.25
"""Of the way from a random policy's true return to one trained on it, which chance does not go."""


def _taught(run_dir: Path, *options: str) -> dict[str, Any]:
    arguments = ("--teacher", "oracle", "--steps", str(_STEPS), *options)
    with train(run_dir, *arguments, task=_TASK) as run:
        return run.finish(timeout_s=600)


def _final_policy(run_dir: Path) -> bytes:
    return max((run_dir / "policies").iterdir()).read_bytes()


def _num_proposed(run_dir: Path) -> int:
    """Return how many questions a run's reward service thought of; imported ones are named after themselves."""
    with open_database(run_dir / "labels.sqlite") as database:
        count = "SELECT COUNT(*) FROM queries WHERE proposal_id <> query_id"
        return int(database.execute(count).fetchone()[0])


def test_another_runs_labels_teach_a_new_one(tmp_path: Path) -> None:
    """None is asked, none predicted, the first run's folder is gone, and the policy is far from a random one's."""
    asked = _taught(tmp_path / "first", "--labels", "40")
    options = ("--labels", "40", "--labels-from", str(tmp_path / "first"))
    given = _taught(tmp_path / "second", *options, "--seed", "5")
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    shutil.rmtree(tmp_path / "first")
    again = _taught(
        tmp_path / "third", "--labels", "40", "--labels-from", str(tmp_path / "copy"), "--seed", "5"
    )

    assert (asked["labels"], given["labels"], given["given_labels"], given["unanswered"]) == (40, 40, 40, 0)
    assert (given["preference_accuracy"], given["num_accuracy_preferences"]) == (None, 0)
    assert (_num_proposed(tmp_path / "copy"), _num_proposed(tmp_path / "second")) == (40, 0)
    task = get_task(_TASK)
    assert task.random_return_mean is not None
    assert task.reference_return_mean is not None
    for summary in (asked, given):
        gained = summary["true_return_mean"] - task.random_return_mean
        share = gained / (task.reference_return_mean - task.random_return_mean)
        assert share > _OF_A_RANDOM_POLICY, summary
    assert again["true_return_mean"] == given["true_return_mean"]
    assert _final_policy(tmp_path / "third") == _final_policy(tmp_path / "second")


def test_the_rest_is_asked_over_the_run_in_both_pacings(tmp_path: Path) -> None:
    """Of 24 labels 16 are given and 8 asked, and the figures say so."""
    _taught(tmp_path / "first", "--labels", "16")
    for pacing in ("lockstep", "free"):
        options = ("--labels", "24", "--labels-from", str(tmp_path / "first"), "--pacing", pacing)
        summary = _taught(tmp_path / pacing, *options)
        assert (summary["labels"], summary["label_budget"], summary["given_labels"]) == (24, 24, 16)
        assert summary["num_accuracy_preferences"] <= 8
