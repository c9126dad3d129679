"""Tests labelers by gold, and lets their answers count for more or less."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_COUNTS = ("num_unanimous", "num_unanimous_right", "num_repeats", "num_repeats_right")
_GOLD = ("is_unanimous", "gold_kind", "gold_labeler_id", "gold_source_number", "gold_preference")


def upgrade() -> None:
    """Make the change."""
    op.add_column("runs", _count("gold_interval", 20))
    for column in (
        _flag("is_unanimous"),
        _text("gold_kind", 16),
        _text("gold_labeler_id", 64),
        _count("gold_source_number"),
        _text("gold_preference", 16),
    ):
        op.add_column("queries", column)
    op.create_index("ix_queries_run_id_is_unanimous_number", "queries", ["run_id", "is_unanimous", "number"])
    op.create_index(
        "ix_queries_gold_labeler_id_gold_source_number", "queries", ["gold_labeler_id", "gold_source_number"]
    )
    op.add_column("answers", _flag("is_gold"))
    for name in _COUNTS:
        op.add_column("labeler_counts", _count(name))
    op.add_column("preference_log", sa.Column("weight", sa.Float(), nullable=False, server_default="1"))
    _create_weights()
    op.execute("UPDATE queries SET is_unanimous = (1 = 1) WHERE num_left >= 2 AND num_left = num_answers")
    op.execute("UPDATE queries SET is_unanimous = (1 = 1) WHERE num_right >= 2 AND num_right = num_answers")


def downgrade() -> None:
    """Take it back. Gold answers stay as what they are to everybody else: extras."""
    op.drop_table("labeler_weights")
    op.drop_table("weight_changes")
    op.drop_column("preference_log", "weight")
    for name in _COUNTS:
        op.drop_column("labeler_counts", name)
    op.drop_column("answers", "is_gold")
    op.drop_index("ix_queries_gold_labeler_id_gold_source_number", "queries")
    op.drop_index("ix_queries_run_id_is_unanimous_number", "queries")
    for name in _GOLD:
        op.drop_column("queries", name)
    op.drop_column("runs", "gold_interval")


def _create_weights() -> None:
    op.create_table(
        "weight_changes",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change_id", sa.String(length=64), nullable=False),
        sa.Column("labeler_id", sa.String(length=64), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("commit_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_weight_changes_run_id"),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.labeler_id"], name="fk_weight_changes_labeler_id"),
        sa.PrimaryKeyConstraint("run_id", "cursor", name="pk_weight_changes"),
        sa.UniqueConstraint("run_id", "change_id", name="uq_weight_changes_run_id_change_id"),
    )
    op.create_table(
        "labeler_weights",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("labeler_id", sa.String(length=64), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_labeler_weights_run_id"),
        sa.ForeignKeyConstraint(
            ["labeler_id"], ["labelers.labeler_id"], name="fk_labeler_weights_labeler_id"
        ),
        sa.PrimaryKeyConstraint("run_id", "labeler_id", name="pk_labeler_weights"),
    )


def _count(name: str, default: int = 0) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=str(default))


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False, server_default="")
