"""Give runs an identity, since another run may have the same name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("runs", sa.Column("identity", sa.String(length=32), nullable=False, server_default=""))


def downgrade() -> None:
    """Undo the change: runs are told apart by their names alone, everything else stays."""
    op.drop_column("runs", "identity")
