"""Give runs a life: a state, a label budget, an end and what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("runs", sa.Column("state", sa.String(length=16), nullable=False, server_default="running"))
    for name in ("is_finishing", "is_question_edited"):
        op.add_column("runs", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("label_budget", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column(
        "progress_points", sa.Column("num_awaited", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("progress_points", sa.Column("training_loss", sa.Float(), nullable=True))
    op.create_table(
        "run_results",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("env_steps", sa.BigInteger(), nullable=False),
        sa.Column("num_labels", sa.BigInteger(), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("true_return_mean", sa.Float(), nullable=True),
        sa.Column("finished_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_run_results_run_id"),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_results"),
    )


def downgrade() -> None:
    """Undo the change: states, budgets and results are gone, answers stay, finished runs lease again."""
    op.drop_table("run_results")
    op.drop_column("progress_points", "training_loss")
    op.drop_column("progress_points", "num_awaited")
    for name in ("label_budget", "is_question_edited", "is_finishing", "state"):
        op.drop_column("runs", name)
