"""The tables. `migrations` makes them; a test holds both equal.

Every ``*_ms`` time is milliseconds since 1970 by the database's clock. Every token is stored as its SHA-256.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

__all__ = [
    "Row",
    "answers",
    "clips",
    "labelers",
    "leases",
    "metadata",
    "preference_log",
    "queries",
    "runs",
    "segments",
]

Row = sa.Row[*tuple[Any, ...]]
"""A row of any columns."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only where the column's type is exactly INTEGER.
_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _required(name: str, kind: sa.types.TypeEngine[Any], *rest: sa.ForeignKey) -> sa.Column[Any]:
    return sa.Column(name, kind, *rest, nullable=False)


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    _required("task", sa.Text()),
    _required("question", sa.Text()),
    # Counted up in the transaction that adds a row to the log, so the log has no gaps.
    _required("newest_cursor", sa.BigInteger()),
    _required("created_ms", sa.BigInteger()),
)

labelers = sa.Table(
    "labelers",
    metadata,
    sa.Column("labeler_id", sa.String(64), primary_key=True),
    _required("name", sa.String(100)),
    _required("role", sa.String(16)),
    _required("token_sha256", sa.String(64)),
    _required("created_ms", sa.BigInteger()),
    sa.UniqueConstraint("token_sha256"),
)

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("segment_id", sa.String(64), primary_key=True),
    _required("segment_uri", sa.Text()),
    _required("sealed_uri", sa.Text()),
    _required("duration_s", sa.Float()),
)

clips = sa.Table(
    "clips",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("segment_id", sa.String(64), primary_key=True),
    _required("clip_uri", sa.Text()),
    # pending, stored (bytes were read back and had this digest) or failed
    _required("state", sa.String(16)),
    _required("sha256", sa.String(64)),
    _required("num_failures", sa.Integer()),
    _required("next_try_ms", sa.BigInteger()),
    _required("reason", sa.Text()),
    sa.ForeignKeyConstraint(["run_id", "segment_id"], ["segments.run_id", "segments.segment_id"]),
    sa.Index(None, "state", "next_try_ms"),
)

queries = sa.Table(
    "queries",
    metadata,
    sa.Column("number", _Number, primary_key=True),
    _required("query_id", sa.String(64)),
    _required("run_id", sa.String(64), sa.ForeignKey("runs.run_id")),
    _required("proposal_id", sa.String(64)),
    _required("left_segment_id", sa.String(64)),
    _required("right_segment_id", sa.String(64)),
    _required("wants_clips", sa.Boolean()),
    # Both clips are stored and verified: nobody is shown an empty player.
    _required("has_clips", sa.Boolean()),
    _required("state", sa.String(16)),
    _required("target_answers", sa.Integer()),
    _required("num_answers", sa.Integer()),
    # Not withdrawn and short of answers: leasing looks at these alone, however many were answered.
    _required("is_open", sa.Boolean()),
    _required("proposed_ms", sa.BigInteger()),
    sa.UniqueConstraint("query_id"),
    sa.UniqueConstraint("run_id", "proposal_id"),
    sa.ForeignKeyConstraint(["run_id", "left_segment_id"], ["segments.run_id", "segments.segment_id"]),
    sa.ForeignKeyConstraint(["run_id", "right_segment_id"], ["segments.run_id", "segments.segment_id"]),
    sa.Index(None, "is_open", "run_id", "number"),
    sa.Index(None, "run_id", "state", "number"),
    sa.Index(None, "run_id", "left_segment_id"),
    sa.Index(None, "run_id", "right_segment_id"),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("number", _Number, primary_key=True),
    _required("token_sha256", sa.String(64)),
    _required("query_number", _Number, sa.ForeignKey("queries.number")),
    _required("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id")),
    # held (live until expire_ms), answered or released
    _required("state", sa.String(16)),
    _required("leased_ms", sa.BigInteger()),
    _required("expire_ms", sa.BigInteger()),
    sa.UniqueConstraint("token_sha256"),
    sa.Index(None, "query_number"),
    sa.Index(None, "labeler_id", "state", "expire_ms"),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("number", _Number, primary_key=True),
    _required("answer_id", sa.String(64)),
    _required("run_id", sa.String(64), sa.ForeignKey("runs.run_id")),
    _required("query_number", _Number, sa.ForeignKey("queries.number")),
    _required("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id")),
    _required("lease_number", _Number, sa.ForeignKey("leases.number")),
    _required("is_extra", sa.Boolean()),
    _required("newest_version", sa.Integer()),
    # of the newest version
    _required("preference", sa.String(16)),
    _required("response_ms", sa.BigInteger()),
    _required("answered_ms", sa.BigInteger()),
    sa.UniqueConstraint("answer_id"),
    sa.UniqueConstraint("lease_number"),
    sa.Index(None, "run_id", "is_extra", "preference"),
    sa.Index(None, "run_id", "answered_ms"),
    sa.Index(None, "labeler_id", "number"),
)

preference_log = sa.Table(
    "preference_log",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("cursor", sa.BigInteger(), primary_key=True, autoincrement=False),
    _required("answer_number", _Number, sa.ForeignKey("answers.number")),
    _required("version", sa.Integer()),
    _required("preference", sa.String(16)),
    _required("commit_ms", sa.BigInteger()),
    sa.UniqueConstraint("answer_number", "version"),
)
