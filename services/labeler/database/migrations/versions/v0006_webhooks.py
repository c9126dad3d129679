"""Lets rows of the preference log be sent to webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NUMBERS = ("delivered_cursor", "batch_cursor", "next_try_ms", "num_failures", "success_ms", "error_ms")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False, server_default="0") for name in _NUMBERS),
        sa.Column("error", sa.String(length=500), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_webhooks_run_id"),
        sa.PrimaryKeyConstraint("webhook_id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_run_id", "webhooks", ["run_id"])


def downgrade() -> None:
    """Take it back: webhooks and how far they got are gone, the log stays."""
    op.drop_table("webhooks")
