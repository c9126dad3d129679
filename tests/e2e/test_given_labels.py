"""Runs that are taught by another run's labels: nothing is asked, and they are a function of their seed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from somersault.runs.database import open_database
from tests.e2e.runs import train

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

_TASK = "pendulum"
_STEPS = 120_000


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


def test_another_runs_labels_are_all_that_a_new_one_learns_from(tmp_path: Path) -> None:
    """None is asked, none predicted, the first run's folder may go, and the same answers and seed give the same policy."""
    asked = _taught(tmp_path / "first", "--labels", "40")
    options = ("--labels", "40", "--labels-from", str(tmp_path / "first"))
    given = _taught(tmp_path / "second", *options, "--seed", "5")
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    shutil.rmtree(tmp_path / "first")
    again = _taught(
        tmp_path / "third", "--labels", "40", "--labels-from", str(tmp_path / "copy"), "--seed", "5"
    )

    assert (asked["labels"], given["labels"], given["given_labels"], given["unanswered"]) == (40, 40, 40, 0)
    assert given["reward_versions"] == 1
    assert (given["preference_accuracy"], given["num_accuracy_preferences"]) == (None, 0)
    assert (_num_proposed(tmp_path / "copy"), _num_proposed(tmp_path / "second")) == (40, 0)
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
