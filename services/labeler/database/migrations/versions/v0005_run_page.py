"""Lets runs be paused, and keeps their learning curves and what was predicted of queries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_COUNTS = (
    "report_ms",
    "env_steps",
    "total_env_steps",
    "label_budget",
    "num_labels_due",
    "num_answered",
    "num_last_hour",
    "num_accuracy_preferences",
    "reward_version",
    "num_pool_segments",
    "num_episodes",
)
_FIGURES = (
    "env_steps_per_s",
    "wished_labels_per_hour",
    "preference_accuracy",
    "predicted_reward_mean",
    "true_return_mean",
)


def upgrade() -> None:
    """Make the change."""
    op.add_column("runs", sa.Column("is_paused", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_queries_run_id_has_clips_number", "queries", ["run_id", "has_clips", "number"])
    op.create_table(
        "progress_points",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        *(sa.Column(name, sa.Float(), nullable=True) for name in _FIGURES),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_progress_points_run_id"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_progress_points"),
    )
    op.create_table(
        "predicted_rewards",
        sa.Column("query_number", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("reward_version", sa.BigInteger(), nullable=False),
        sa.Column("left_rewards", sa.LargeBinary(), nullable=False),
        sa.Column("right_rewards", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["query_number"], ["queries.number"], name="fk_predicted_rewards_query_number"
        ),
        sa.PrimaryKeyConstraint("query_number", name="pk_predicted_rewards"),
    )


def downgrade() -> None:
    """Take it back: curves and predictions are gone, answers stay, paused runs go on."""
    op.drop_table("predicted_rewards")
    op.drop_table("progress_points")
    op.drop_index("ix_queries_run_id_has_clips_number", "queries")
    op.drop_column("runs", "is_paused")
