"""Keep the sessions of browsers, so that each can be ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "sessions",
        sa.Column("session_sha256", sa.String(length=64), nullable=False),
        sa.Column("labeler_id", sa.String(length=64), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=False),
        sa.Column("expire_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["labeler_id"], ["labelers.labeler_id"], name="fk_sessions_labeler_id"),
        sa.PrimaryKeyConstraint("session_sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_labeler_id", "sessions", ["labeler_id"])


def downgrade() -> None:
    """Undo the change: everybody logs in again, everything else stays."""
    op.drop_table("sessions")
