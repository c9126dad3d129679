"""Name the commit of each row of the log, so that a log that went back and grew again can be told from what it was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_HEXADECIMAL = {"sqlite": "printf('%016x', commit_ms)", "postgresql": "lpad(to_hex(commit_ms), 16, '0')"}
_NEWEST = """
UPDATE runs SET newest_commit_id = coalesce(
  (SELECT commit_id FROM {table} AS log WHERE log.run_id = runs.run_id AND log.cursor = runs.newest_cursor),
  newest_commit_id)
"""


def upgrade() -> None:
    """Make the change.

    Rows that are there already are named by their time, so that two copies of one database give them the same names.
    """
    op.add_column("runs", _column("newest_commit_id"))
    for table in ("preference_log", "weight_changes"):
        op.add_column(table, _column("commit_id"))
        op.execute(f"UPDATE {table} SET commit_id = {_HEXADECIMAL[op.get_bind().dialect.name]}")
        op.execute(_NEWEST.format(table=table))


def downgrade() -> None:
    """Undo the change: followers no longer notice when the log goes back, everything else stays."""
    for table in ("preference_log", "weight_changes"):
        op.drop_column(table, "commit_id")
    op.drop_column("runs", "newest_commit_id")


def _column(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=64), nullable=False, server_default="")
