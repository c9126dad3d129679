"""Keep clips of a run's policies, and how sure a prediction was."""

from __future__ import annotations

import array
import sys

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BATCH = 1000


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "policy_clips",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("policy_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("env_steps", sa.BigInteger(), nullable=False),
        sa.Column("clip_uri", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("predicted_rewards", sa.LargeBinary(), nullable=False),
        sa.Column("true_return", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_policy_clips_run_id"),
        sa.PrimaryKeyConstraint("run_id", "policy_version", name="pk_policy_clips"),
    )
    op.add_column(
        "predicted_rewards", sa.Column("left_advantage", sa.Float(), nullable=False, server_default="0")
    )
    _fill(op.get_bind())


def downgrade() -> None:
    """Undo the change: policies' clips are forgotten, their objects and all answers stay."""
    op.drop_column("predicted_rewards", "left_advantage")
    op.drop_table("policy_clips")


def _fill(connection: sa.Connection) -> None:
    """Compute what older rows lack from the rewards in them, a batch at a time."""
    table = sa.table(
        "predicted_rewards",
        sa.column("query_number"),
        sa.column("left_rewards"),
        sa.column("right_rewards"),
        sa.column("left_advantage"),
    )
    number = table.c.query_number
    page = (
        sa.select(number, table.c.left_rewards, table.c.right_rewards)
        .where(number > sa.bindparam("after"))
        .order_by(number)
        .limit(_BATCH)
    )
    update = (
        sa.update(table)
        .where(number == sa.bindparam("of_number"))
        .values(left_advantage=sa.bindparam("advantage"))
    )
    after = -1
    while rows := connection.execute(page, {"after": after}).all():
        values = [
            {"of_number": row[0], "advantage": sum(_floats(row[1])) - sum(_floats(row[2]))} for row in rows
        ]
        connection.execute(update, values)
        after = rows[-1][0]


def _floats(data: bytes) -> array.array[float]:
    values = array.array("f", bytes(data))
    if sys.byteorder == "big":
        values.byteswap()
    return values
