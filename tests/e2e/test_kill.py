"""Each of the four services is killed with SIGKILL in turn during a run; the run ends well and loses no answer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runs import train

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

_STEPS = 110_000
# The learner goes early: what it has learned since its last checkpoint, within the first minute all, is learned again.
_KILLED_AT = {"simulator": 20_000, "learner": 38_000, "reward": 54_000, "labeler": 70_000}


def test_a_run_survives_the_kill_of_each_service_in_turn(tmp_path: Path) -> None:
    """The run ends normally, with every answer that was ever committed still there, once."""
    seen: list[tuple[Any, ...]] = []
    with train(tmp_path / "killed", "--teacher", "oracle", "--labels", "60", "--steps", str(_STEPS)) as run:
        for service, steps in _KILLED_AT.items():
            run.wait_for_steps(steps)
            rows = run.log_rows()
            assert rows[: len(seen)] == seen
            seen = rows
            run.kill(service)
        summary = run.finish(timeout_s=480)
        rows = run.log_rows()
    assert rows[: len(seen)] == seen, "a committed answer changed or went away"
    assert len(rows) == summary["labels"] == 60
    assert summary["restarts"] >= len(_KILLED_AT)
    assert summary["env_steps"] >= _STEPS
    assert Path(summary["video"]).stat().st_size > 1000
    _assert_no_answer_is_doubled(run.run_dir / "labels.sqlite")


def _assert_no_answer_is_doubled(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        cursors = [row[0] for row in database.execute("SELECT cursor FROM preference_log ORDER BY cursor")]
        doubled = database.execute(
            "SELECT query_number, COUNT(*) FROM answers WHERE NOT is_extra GROUP BY query_number HAVING COUNT(*) > 1"
        ).fetchall()
    assert cursors == list(range(1, len(cursors) + 1)), "the log has gaps"
    assert doubled == []
