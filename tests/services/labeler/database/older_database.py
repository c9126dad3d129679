"""A database of the first version with data in it, and what must hold after it went up, down and up again."""

from __future__ import annotations

import alembic.autogenerate
import alembic.migration
import sqlalchemy as sa

from services.labeler.clips import policy_clip_repository
from services.labeler.database import migrate, schema
from services.labeler.feedback import log_repository, tally_repository
from services.labeler.model.clips import PolicyClip
from services.labeler.model.progress import ProgressReport
from services.labeler.model.run_state import RunResult, RunState
from services.labeler.queries import prediction_repository
from services.labeler.runs import (
    progress_repository,
    result_repository,
    run_repository,
    stats_repository,
)
from services.labeler.webhooks import webhook_repository
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role

_LABELERS = "INSERT INTO labelers VALUES ('ada', 'Ada', 'labeler', 'x', 5), ('bob', 'Bob', 'teacher', 'y', 5)"
_ROWS = (
    _LABELERS,
    "INSERT INTO runs VALUES ('r', 'hopper', 'Which?', 4, 7)",
    "INSERT INTO segments VALUES ('r', 's1', 'u1', 'v1', 2.0), ('r', 's2', 'u2', 'v2', 2.0)",
    # answered left; answered right, changed to equal, one extra; ready; withdrawn
    *(
        "INSERT INTO queries VALUES"
        f" ({n}, 'q{n}', 'r', 'p{n}', 's1', 's2', {{false}}, {{true}}, '{state}', 1, {count}, {is_open}, 9)"
        for n, state, count, is_open in (
            (1, "answered", 1, "{false}"),
            (2, "answered", 1, "{false}"),
            (3, "ready", 0, "{true}"),
            (4, "withdrawn", 0, "{false}"),
        )
    ),
    *(
        f"INSERT INTO leases VALUES ({n}, 't{n}', {query}, '{who}', 'answered', 10, 20)"
        for n, query, who in ((1, 1, "ada"), (2, 2, "ada"), (3, 2, "bob"))
    ),
    "INSERT INTO answers VALUES (1, 'a1', 'r', 1, 'ada', 1, {false}, 1, 'left', 900, 60000)",
    "INSERT INTO answers VALUES (2, 'a2', 'r', 2, 'ada', 2, {false}, 2, 'equal', 1200, 60001)",
    "INSERT INTO answers VALUES (3, 'a3', 'r', 2, 'bob', 3, {true}, 1, 'right', 0, 60002)",
    "INSERT INTO preference_log VALUES ('r', 1, 1, 1, 'left', 60000), ('r', 2, 2, 1, 'right', 60001)",
    "INSERT INTO preference_log VALUES ('r', 3, 3, 1, 'right', 60002), ('r', 4, 2, 2, 'equal', 60003)",
)


_CLIP = PolicyClip(
    policy_version=3,
    env_steps=9,
    clip_uri="r/clips/3.mp4",
    sha256="0" * 64,
    duration_s=3.2,
    is_final=True,
    predicted_rewards=(0.5,),
    true_return=None,
)


def check_up_and_down(engine: sa.Engine) -> None:
    """Goes up with data, down step by step, and up again; nothing is lost and everything is counted."""
    migrate.to_version(engine, "0001")
    words = (
        {"true": "1", "false": "0"} if engine.dialect.name == "sqlite" else {"true": "true", "false": "false"}
    )
    with engine.begin() as connection:
        for row in _ROWS:
            connection.execute(sa.text(row.format(**words)))
    migrate.to_head(engine)
    _check(engine)
    with engine.begin() as connection:
        _watch(connection)
    for version in ("0011", "0010", "0009", "0008", "0007", "0006", "0005", "0004", "0003", "0002", "0001"):
        migrate.to_version(engine, version)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM preference_log")).scalar() == 4
        assert (
            connection.execute(sa.text("SELECT preference FROM answers WHERE number = 2")).scalar() == "equal"
        )
    migrate.to_head(engine)
    _check(engine)


def _watch(connection: sa.Connection) -> None:
    """Put rows into what the fifth and later versions added: going back drops them with what they refer to left alone."""
    run_repository.update(connection, "r", is_paused=True)
    report = ProgressReport(
        env_steps=1,
        total_env_steps=9,
        env_steps_per_s=None,
        label_budget=2,
        num_labels_due=1,
        wished_labels_per_hour=None,
        preference_accuracy=0.5,
        num_accuracy_preferences=1,
        predicted_reward_mean=-0.25,
        reward_version=1,
        num_pool_segments=4,
    )
    progress_repository.add(connection, "r", report, true_returns=None)
    run_repository.update(
        connection, "r", state="finished", is_finishing=True, label_budget=9, identity="0" * 32
    )
    result = RunResult(env_steps=9, num_labels=2, headline="Done.", true_return_mean=None)
    result_repository.keep(connection, "r", result)
    policy_clip_repository.add(connection, "r", _CLIP)
    row = {"query_number": 1, "reward_version": 1, "left_rewards": b"1234", "right_rewards": b"5678"}
    connection.execute(sa.insert(schema.predicted_rewards), row)
    webhook_repository.add(
        connection, webhook_id="w", run_id="r", url="https://example.com", secret="whsec_x"
    )
    batch = webhook_repository.claim(connection, "w", count=100, claim_s=20)
    assert batch is not None
    assert (batch.begin, batch.end) == (0, 4)
    webhook_repository.note_success(connection, batch)


def _check(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        run = run_repository.read(connection, "r")
        assert (run.is_paused, run.state, run.label_budget) == (False, RunState.RUNNING, 0)
        assert run.identity == ""
        assert result_repository.read(connection, "r") is None
        assert policy_clip_repository.list_newest(connection, "r") == []
        assert progress_repository.read_after(connection, "r", cursor=0)[0] == []
        assert prediction_repository.read(connection, [1, 2]) == {}
        assert webhook_repository.list_of_run(connection, "r") == []
        context = alembic.migration.MigrationContext.configure(connection)
        assert alembic.autogenerate.compare_metadata(context, schema.metadata) == []
        stats = stats_repository.read(connection, "r", labeler_id="ada")
        assert (stats.num_ready, stats.num_answered, stats.num_own, stats.newest_cursor) == (1, 2, 2, 4)
        assert stats.num_by_preference == {
            Preference.LEFT: 1,
            Preference.RIGHT: 0,
            Preference.EQUAL: 1,
            Preference.INCOMPARABLE: 0,
        }
        assert tally_repository.num_last_hour(connection, "r", now_ms=60_000) == {
            Role.LABELER: 2,
            Role.TEACHER: 1,
        }
        rows = log_repository.read_after(connection, "r", cursor=0, count=9)
        assert [(row.answer_id, row.version, row.answer_number, row.weight) for row in rows] == [
            ("a1", 1, 1, 1.0),
            ("a2", 1, 1, 1.0),
            ("a3", 1, 0, 1.0),
            ("a2", 2, 1, 1.0),
        ]
        ada = connection.execute(
            sa.select(schema.labeler_counts).where(schema.labeler_counts.c.labeler_id == "ada")
        ).one()
        assert (ada.num_left, ada.num_equal, ada.num_timed, ada.num_fast) == (1, 1, 2, 1)
