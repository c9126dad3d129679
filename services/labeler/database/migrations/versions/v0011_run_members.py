"""Make tokens good for some runs alone. Known labelers become members of the runs there are, known owners of every run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column(
        "labelers", sa.Column("is_everywhere", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "run_members",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("labeler_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.labeler_id"], name="fk_run_members_labeler_id"),
        sa.PrimaryKeyConstraint("run_id", "labeler_id", name="pk_run_members"),
    )
    op.create_index("ix_run_members_labeler_id", "run_members", ["labeler_id"])
    labelers = sa.table("labelers", sa.column("role"), sa.column("is_everywhere"))
    op.execute(sa.update(labelers).where(labelers.c.role == "owner").values(is_everywhere=sa.true()))
    op.execute(
        "INSERT INTO run_members (run_id, labeler_id) SELECT runs.run_id, labelers.labeler_id"
        " FROM runs CROSS JOIN labelers WHERE labelers.role <> 'owner'"
    )


def downgrade() -> None:
    """Undo the change: every token is good for every run again, everything else stays."""
    op.drop_table("run_members")
    op.drop_column("labelers", "is_everywhere")
