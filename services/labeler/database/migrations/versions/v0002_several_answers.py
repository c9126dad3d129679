"""Wants several answers a query, and keeps counts instead of counting."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATES = ("rendering", "ready", "answered", "failed", "withdrawn")
_PREFERENCES = ("left", "right", "equal", "incomparable")


def upgrade() -> None:
    """Make the change."""
    _add("runs", _count("target_answers", 1), _flag("asks_again"), _count("newest_plain_cursor"))
    _add("runs", *(_count(f"num_{name}") for name in (*_STATES, *_PREFERENCES)))
    _add("queries", *(_count(f"num_{name}") for name in _PREFERENCES[:3]), _flag("is_widened"))
    _add("answers", _count("position"), _count("target_answers"))
    op.create_index("ix_leases_state_expire_ms", "leases", ["state", "expire_ms"])
    _create_counts()
    _fill()
    op.drop_index("ix_answers_run_id_answered_ms", "answers")
    op.drop_index("ix_answers_run_id_is_extra_preference", "answers")


def downgrade() -> None:
    """Take it back."""
    op.create_index("ix_answers_run_id_answered_ms", "answers", ["run_id", "answered_ms"])
    op.create_index("ix_answers_run_id_is_extra_preference", "answers", ["run_id", "is_extra", "preference"])
    for table in ("labeler_counts", "answer_minutes", "agreement"):
        op.drop_table(table)
    op.drop_index("ix_leases_state_expire_ms", "leases")
    _drop("answers", "position", "target_answers")
    _drop("queries", *(f"num_{name}" for name in _PREFERENCES[:3]), "is_widened")
    _drop("runs", *(f"num_{name}" for name in (*_STATES, *_PREFERENCES)))
    _drop("runs", "target_answers", "asks_again", "newest_plain_cursor")


def _create_counts() -> None:
    op.create_table(
        "agreement",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        *(
            sa.Column(f"num_{name}", sa.BigInteger(), autoincrement=False, nullable=False)
            for name in _PREFERENCES[:3]
        ),
        sa.Column("num_queries", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_agreement_run_id"),
        sa.PrimaryKeyConstraint("run_id", "num_left", "num_right", "num_equal", name="pk_agreement"),
    )
    op.create_table(
        "answer_minutes",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("num_answers", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_answer_minutes_run_id"),
        sa.PrimaryKeyConstraint("run_id", "minute", "role", name="pk_answer_minutes"),
    )
    op.create_table(
        "labeler_counts",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("labeler_id", sa.String(length=64), nullable=False),
        *(_count(f"num_{name}") for name in _PREFERENCES),
        _count("num_timed"),
        _count("num_fast"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_labeler_counts_run_id"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.labeler_id"], name="fk_labeler_counts_labeler_id"),
        sa.PrimaryKeyConstraint("run_id", "labeler_id", name="pk_labeler_counts"),
    )


def _fill() -> None:
    """Count once what is there."""
    op.execute("UPDATE runs SET newest_plain_cursor = newest_cursor")
    for name in _STATES:
        op.execute(
            f"UPDATE runs SET num_{name} = (SELECT count(*) FROM queries"
            f" WHERE queries.run_id = runs.run_id AND queries.state = '{name}')"
        )
    for name in _PREFERENCES:
        op.execute(
            f"UPDATE runs SET num_{name} = (SELECT count(*) FROM answers WHERE answers.run_id = runs.run_id"
            f" AND answers.preference = '{name}' AND NOT answers.is_extra)"
        )
    # The first tables wanted one answer a query, so each counted answer is the first and the last.
    op.execute("UPDATE answers SET position = 1, target_answers = 1 WHERE NOT is_extra")
    for name in _PREFERENCES[:3]:
        op.execute(
            f"UPDATE queries SET num_{name} = 1 WHERE number IN"
            f" (SELECT query_number FROM answers WHERE preference = '{name}' AND NOT is_extra)"
        )
    op.execute(
        "INSERT INTO answer_minutes (run_id, minute, role, num_answers)"
        " SELECT answers.run_id, answers.answered_ms / 60000, labelers.role, count(*)"
        " FROM answers JOIN labelers ON labelers.labeler_id = answers.labeler_id"
        " GROUP BY answers.run_id, answers.answered_ms / 60000, labelers.role"
    )
    sums = ", ".join(f"sum(CASE preference WHEN '{name}' THEN 1 ELSE 0 END)" for name in _PREFERENCES)
    fast = "answers.response_ms > 0 AND answers.response_ms < 500 * {side}.duration_s"
    op.execute(
        "INSERT INTO labeler_counts (run_id, labeler_id, num_left, num_right, num_equal, num_incomparable,"
        f" num_timed, num_fast) SELECT answers.run_id, answers.labeler_id, {sums},"
        " sum(CASE WHEN answers.response_ms > 0 THEN 1 ELSE 0 END),"
        f" sum(CASE WHEN {fast.format(side='l')} AND {fast.format(side='r')} THEN 1 ELSE 0 END)"
        " FROM answers JOIN queries q ON q.number = answers.query_number"
        " JOIN segments l ON l.run_id = q.run_id AND l.segment_id = q.left_segment_id"
        " JOIN segments r ON r.run_id = q.run_id AND r.segment_id = q.right_segment_id"
        " GROUP BY answers.run_id, answers.labeler_id"
    )


def _count(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=str(default))


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _add(table: str, *columns: sa.Column[Any]) -> None:
    for column in columns:
        op.add_column(table, column)


def _drop(table: str, *names: str) -> None:
    for name in names:
        op.drop_column(table, name)
