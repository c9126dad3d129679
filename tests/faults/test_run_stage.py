"""A trial on a whole run: it judges, and a run comes to every failpoint that it should."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from tests.faults.faults import Fault
from tests.faults.report import report_of, unreached
from tests.faults.restarts import learning_lost_s
from tests.faults.run_stage import RunStage

NEVER = {"labeler.webhook.claimed", "labeler.webhook.marked", "labeler.webhook.sent"}
"""Points that a run without webhooks doesn't come to; `tests/services/labeler/webhooks` does."""
ON_S3 = {"store.object.upload", "store.object.uploaded"}
IN_A_FOLDER = {"store.file.renamed", "store.file.written"}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("on_s3", [False, True], ids=["folder", "s3"])
async def test_a_whole_run_comes_to_every_failpoint(tmp_path: Path, *, on_s3: bool) -> None:
    """So a kill there is a kill of something that runs. Its store is a folder or S3, so it comes to the points of that alone."""
    pause = Fault(kind="stop", target="web", after_s=20, for_s=0.1)
    outcome = await RunStage(tmp_path, 1, on_s3=on_s3).play([pause])
    assert outcome.problems == []
    assert outcome.num_answers > 0
    never = set(unreached([outcome.as_row()]))
    assert never - NEVER == (IN_A_FOLDER if on_s3 else ON_S3)


def test_learning_that_is_lost_is_measured(tmp_path: Path) -> None:
    """From when that was stored which the next life restored; from the beginning if it restored nothing."""
    log, day = tmp_path / "learner.log", "2026-01-01T00:00"
    events = [
        {"event": "serving", "timestamp": f"{day}:01Z"},
        {"event": "checkpoint_stored", "env_steps": 100, "timestamp": f"{day}:10Z"},
        {"event": "checkpoint_stored", "env_steps": 200, "timestamp": f"{day}:15Z"},
        {"event": "serving", "timestamp": f"{day}:25Z"},
    ]
    killed_s = dt.datetime.fromisoformat(f"{day}:22Z").timestamp()
    for restored, lost in ((200, 7.0), (100, 12.0), (300, 0.0), (None, 21.0)):
        more = {"event": "restored", "env_steps": restored, "timestamp": f"{day}:24Z"}
        rows = [*events, more] if restored else events
        log.write_text("\n".join([json.dumps(row) for row in rows] + ["Traceback", '{"event": "cut of']))
        assert learning_lost_s(log, at_s=killed_s) == lost


def test_a_report_says_who_was_killed_where_and_how_soon_it_served() -> None:
    """And which failpoints were never passed."""
    row = {
        "class": "run-kills",
        "seed": 1,
        "problems": [],
        "kills": 2,
        "faults": 2,
        "answers": 9,
        "ready_s": [1.5, 3.0],
        "healed_s": [],
        "answer_s": [],
        "lost_s": [4.0],
        "resumed_s": [12.0],
        "restarts": [["learner", 0.2, 2.0, 0.8], ["web", 0.5, 0.75, 0.25]],
        "reached": ["labeler.commit.after", "store.file.written"],
        "killed_at": ["labeler.commit.after"],
    }
    told = report_of([row])
    assert "learner                     1  3.00 s  3.00 s  3.00 s  0.20 s, 2.00 s, 0.80 s" in told
    assert "killed at 1 of" in told
    assert "labeler.commit.after 1" in told
    assert "at most 4.0 s" in told
    never = told.partition("never reached by a whole run: ")[2]
    assert "labeler.commit.before" in never
    assert "labeler.commit.after" not in never
