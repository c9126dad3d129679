"""Makes the first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the change."""
    _create_labelers()
    _create_runs()
    _create_segments()
    _create_clips()
    _create_queries()
    _create_leases()
    _create_answers()
    _create_preference_log()


def downgrade() -> None:
    """Take it back."""
    for table in (
        "preference_log",
        "answers",
        "leases",
        "queries",
        "clips",
        "segments",
        "runs",
        "labelers",
    ):
        op.drop_table(table)


def _create_labelers() -> None:
    op.create_table(
        "labelers",
        sa.Column("labeler_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("labeler_id", name="pk_labelers"),
        sa.UniqueConstraint("token_sha256", name="uq_labelers_token_sha256"),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("newest_cursor", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )


def _create_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("segment_id", sa.String(length=64), nullable=False),
        sa.Column("segment_uri", sa.Text(), nullable=False),
        sa.Column("sealed_uri", sa.Text(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_segments_run_id"),
        sa.PrimaryKeyConstraint("run_id", "segment_id", name="pk_segments"),
    )


def _create_clips() -> None:
    op.create_table(
        "clips",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("segment_id", sa.String(length=64), nullable=False),
        sa.Column("clip_uri", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("num_failures", sa.Integer(), nullable=False),
        sa.Column("next_try_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id", "segment_id"],
            ["segments.run_id", "segments.segment_id"],
            name="fk_clips_run_id_segment_id",
        ),
        sa.PrimaryKeyConstraint("run_id", "segment_id", name="pk_clips"),
    )
    op.create_index("ix_clips_state_next_try_ms", "clips", ["state", "next_try_ms"])


def _create_queries() -> None:
    op.create_table(
        "queries",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("query_id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("proposal_id", sa.String(length=64), nullable=False),
        sa.Column("left_segment_id", sa.String(length=64), nullable=False),
        sa.Column("right_segment_id", sa.String(length=64), nullable=False),
        sa.Column("wants_clips", sa.Boolean(), nullable=False),
        sa.Column("has_clips", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("target_answers", sa.Integer(), nullable=False),
        sa.Column("num_answers", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("proposed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id", "left_segment_id"],
            ["segments.run_id", "segments.segment_id"],
            name="fk_queries_run_id_left_segment_id",
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "right_segment_id"],
            ["segments.run_id", "segments.segment_id"],
            name="fk_queries_run_id_right_segment_id",
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_queries_run_id"),
        sa.PrimaryKeyConstraint("number", name="pk_queries"),
        sa.UniqueConstraint("query_id", name="uq_queries_query_id"),
        sa.UniqueConstraint("run_id", "proposal_id", name="uq_queries_run_id_proposal_id"),
    )
    op.create_index("ix_queries_is_open_run_id_number", "queries", ["is_open", "run_id", "number"])
    op.create_index("ix_queries_run_id_left_segment_id", "queries", ["run_id", "left_segment_id"])
    op.create_index("ix_queries_run_id_right_segment_id", "queries", ["run_id", "right_segment_id"])
    op.create_index("ix_queries_run_id_state_number", "queries", ["run_id", "state", "number"])


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("query_number", _NUMBER, nullable=False),
        sa.Column("labeler_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("leased_ms", sa.BigInteger(), nullable=False),
        sa.Column("expire_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.labeler_id"], name="fk_leases_labeler_id"),
        sa.ForeignKeyConstraint(["query_number"], ["queries.number"], name="fk_leases_query_number"),
        sa.PrimaryKeyConstraint("number", name="pk_leases"),
        sa.UniqueConstraint("token_sha256", name="uq_leases_token_sha256"),
    )
    op.create_index("ix_leases_labeler_id_state_expire_ms", "leases", ["labeler_id", "state", "expire_ms"])
    op.create_index("ix_leases_query_number", "leases", ["query_number"])


def _create_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("answer_id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("query_number", _NUMBER, nullable=False),
        sa.Column("labeler_id", sa.String(length=64), nullable=False),
        sa.Column("lease_number", _NUMBER, nullable=False),
        sa.Column("is_extra", sa.Boolean(), nullable=False),
        sa.Column("newest_version", sa.Integer(), nullable=False),
        sa.Column("preference", sa.String(length=16), nullable=False),
        sa.Column("response_ms", sa.BigInteger(), nullable=False),
        sa.Column("answered_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.labeler_id"], name="fk_answers_labeler_id"),
        sa.ForeignKeyConstraint(["lease_number"], ["leases.number"], name="fk_answers_lease_number"),
        sa.ForeignKeyConstraint(["query_number"], ["queries.number"], name="fk_answers_query_number"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_answers_run_id"),
        sa.PrimaryKeyConstraint("number", name="pk_answers"),
        sa.UniqueConstraint("answer_id", name="uq_answers_answer_id"),
        sa.UniqueConstraint("lease_number", name="uq_answers_lease_number"),
    )
    op.create_index("ix_answers_labeler_id_number", "answers", ["labeler_id", "number"])
    op.create_index("ix_answers_run_id_answered_ms", "answers", ["run_id", "answered_ms"])
    op.create_index("ix_answers_run_id_is_extra_preference", "answers", ["run_id", "is_extra", "preference"])


def _create_preference_log() -> None:
    op.create_table(
        "preference_log",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("answer_number", _NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("preference", sa.String(length=16), nullable=False),
        sa.Column("commit_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_number"], ["answers.number"], name="fk_preference_log_answer_number"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_preference_log_run_id"),
        sa.PrimaryKeyConstraint("run_id", "cursor", name="pk_preference_log"),
        sa.UniqueConstraint("answer_number", "version", name="uq_preference_log_answer_number_version"),
    )
