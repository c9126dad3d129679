"""The tables. `migrations` makes them; a test holds both equal.

Every ``*_ms`` time is milliseconds since 1970 by the database's clock. Every token is stored as its SHA-256.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

__all__ = [
    "Row",
    "agreement",
    "answer_minutes",
    "answers",
    "audit_log",
    "clips",
    "guidelines",
    "labeler_counts",
    "labeler_weights",
    "labelers",
    "leases",
    "metadata",
    "predicted_rewards",
    "preference_log",
    "progress_points",
    "queries",
    "run_results",
    "runs",
    "segments",
    "webhooks",
    "weight_changes",
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


def _count(name: str, *, default: int = 0) -> sa.Column[Any]:
    """Gives a column that older rows, and rows which do not say otherwise, have ``default`` in."""
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=str(default))


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _text(name: str, length: int) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    _required("task", sa.Text()),
    _required("question", sa.Text()),
    # Counted up in the transaction that adds a row to the log, so the log has no gaps.
    _required("newest_cursor", sa.BigInteger()),
    _required("created_ms", sa.BigInteger()),
    # How it asks; see UpdateRun.
    _count("target_answers", default=1),
    _flag("asks_again"),
    _count("gold_interval", default=20),
    _flag("is_paused"),
    # running, stopped or finished, in the words of whoever starts and stops its services; a pause is apart
    sa.Column("state", sa.String(16), nullable=False, server_default="running"),
    _flag("is_finishing"),
    # What an owner said; 0 for nothing.
    _count("label_budget"),
    # By an owner: the service that made the run known does not change it back.
    _flag("is_question_edited"),
    _count("guidelines_version"),
    # The newest cursor of a row that is neither gold nor a change of weight.
    _count("newest_plain_cursor"),
    # Queries by state, gold left out, and counted answers by newest preference: kept by whoever changes them.
    _count("num_rendering"),
    _count("num_ready"),
    _count("num_answered"),
    _count("num_failed"),
    _count("num_withdrawn"),
    _count("num_left"),
    _count("num_right"),
    _count("num_equal"),
    _count("num_incomparable"),
)

labelers = sa.Table(
    "labelers",
    metadata,
    sa.Column("labeler_id", sa.String(64), primary_key=True),
    _required("name", sa.String(100)),
    _required("role", sa.String(16)),
    _required("token_sha256", sa.String(64)),
    _required("created_ms", sa.BigInteger()),
    # 0 while it may call; once revoked, token_sha256 holds no digest any more.
    _count("revoked_ms"),
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
    # Its counted answers by newest preference.
    _count("num_left"),
    _count("num_right"),
    _count("num_equal"),
    # It wanted one more because its answers differed.
    _flag("is_widened"),
    # Two or more counted answers, all left or all right: others' answers can be told right from wrong by it.
    _flag("is_unanimous"),
    # Empty for a real query. Gold is one labeler's alone: unanimous (of others) or repeat (of its own answer).
    _text("gold_kind", 16),
    _text("gold_labeler_id", 64),
    _count("gold_source_number"),
    _text("gold_preference", 16),
    sa.UniqueConstraint("query_id"),
    sa.UniqueConstraint("run_id", "proposal_id"),
    sa.ForeignKeyConstraint(["run_id", "left_segment_id"], ["segments.run_id", "segments.segment_id"]),
    sa.ForeignKeyConstraint(["run_id", "right_segment_id"], ["segments.run_id", "segments.segment_id"]),
    sa.Index(None, "is_open", "run_id", "number"),
    sa.Index(None, "run_id", "state", "number"),
    sa.Index(None, "run_id", "left_segment_id"),
    sa.Index(None, "run_id", "right_segment_id"),
    sa.Index(None, "run_id", "is_unanimous", "number"),
    sa.Index(None, "run_id", "has_clips", "number"),
    sa.Index(None, "gold_labeler_id", "gold_source_number"),
)

predicted_rewards = sa.Table(
    # What the proposer predicted of queries with clips, for owners to look at: little-endian float32, a step each.
    "predicted_rewards",
    metadata,
    sa.Column(
        "query_number", _Number, sa.ForeignKey("queries.number"), primary_key=True, autoincrement=False
    ),
    _required("reward_version", sa.BigInteger()),
    # of the segment that is shown there
    _required("left_rewards", sa.LargeBinary()),
    _required("right_rewards", sa.LargeBinary()),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("number", _Number, primary_key=True),
    _required("token_sha256", sa.String(64)),
    _required("query_number", _Number, sa.ForeignKey("queries.number")),
    _required("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id")),
    # held (live until expire_ms), answered, released, or expired: some time after expire_ms, once that is counted
    _required("state", sa.String(16)),
    _required("leased_ms", sa.BigInteger()),
    _required("expire_ms", sa.BigInteger()),
    _count("guidelines_version"),
    sa.UniqueConstraint("token_sha256"),
    sa.Index(None, "query_number"),
    sa.Index(None, "labeler_id", "state", "expire_ms"),
    sa.Index(None, "state", "expire_ms"),
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
    # Gold is an extra as well, so nothing that leaves extras out counts it.
    _flag("is_gold"),
    # Which counted answer of its query it was, and how many that wanted then; 0 for extras.
    _count("position"),
    _count("target_answers"),
    _count("guidelines_version"),
    sa.UniqueConstraint("answer_id"),
    sa.UniqueConstraint("lease_number"),
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
    sa.Column("weight", sa.Float(), nullable=False, server_default="1"),
    sa.UniqueConstraint("answer_number", "version"),
)

weight_changes = sa.Table(
    "weight_changes",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    # Of the same sequence as the preference log's.
    sa.Column("cursor", sa.BigInteger(), primary_key=True, autoincrement=False),
    _required("change_id", sa.String(64)),
    _required("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id")),
    _required("weight", sa.Float()),
    _required("changed_by", sa.String(64)),
    _required("reason", sa.Text()),
    _required("commit_ms", sa.BigInteger()),
    sa.UniqueConstraint("run_id", "change_id"),
)

labeler_weights = sa.Table(
    "labeler_weights",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id"), primary_key=True),
    _required("weight", sa.Float()),
    _required("cursor", sa.BigInteger()),
)

agreement = sa.Table(
    # How many queries have so many counted answers of each kind: agreement over a million costs what it costs over ten.
    "agreement",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("num_left", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("num_right", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("num_equal", sa.BigInteger(), primary_key=True, autoincrement=False),
    _required("num_queries", sa.BigInteger()),
)

answer_minutes = sa.Table(
    "answer_minutes",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    # since 1970
    sa.Column("minute", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("role", sa.String(16), primary_key=True),
    _required("num_answers", sa.BigInteger()),
)

labeler_counts = sa.Table(
    "labeler_counts",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id"), primary_key=True),
    # By newest preference, gold and extras included.
    _count("num_left"),
    _count("num_right"),
    _count("num_equal"),
    _count("num_incomparable"),
    # Answers with a response time, and those of them sooner than half a clip.
    _count("num_timed"),
    _count("num_fast"),
    _count("num_unanimous"),
    _count("num_unanimous_right"),
    _count("num_repeats"),
    _count("num_repeats_right"),
)

guidelines = sa.Table(
    "guidelines",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
    _required("text", sa.Text()),
    _required("created_ms", sa.BigInteger()),
)

progress_points = sa.Table(
    # A run's learning curves, as its reward service reported them; true returns are the labeler's own.
    "progress_points",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    # 1, 2, … a report; most are thinned out later
    sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
    _required("report_ms", sa.BigInteger()),
    _required("env_steps", sa.BigInteger()),
    _required("total_env_steps", sa.BigInteger()),
    _required("label_budget", sa.BigInteger()),
    _required("num_labels_due", sa.BigInteger()),
    _required("num_answered", sa.BigInteger()),
    _required("num_last_hour", sa.BigInteger()),
    _required("num_accuracy_preferences", sa.BigInteger()),
    _required("reward_version", sa.BigInteger()),
    _required("num_pool_segments", sa.BigInteger()),
    _required("num_episodes", sa.BigInteger()),
    _count("num_awaited"),
    # null while there is none
    sa.Column("env_steps_per_s", sa.Float()),
    sa.Column("wished_labels_per_hour", sa.Float()),
    sa.Column("preference_accuracy", sa.Float()),
    sa.Column("predicted_reward_mean", sa.Float()),
    sa.Column("true_return_mean", sa.Float()),
    sa.Column("training_loss", sa.Float()),
)

run_results = sa.Table(
    # What came of a run: a row once it is finished, none again if it goes on.
    "run_results",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    _required("env_steps", sa.BigInteger()),
    _required("num_labels", sa.BigInteger()),
    _required("headline", sa.Text()),
    sa.Column("true_return_mean", sa.Float()),
    _required("finished_ms", sa.BigInteger()),
)

audit_log = sa.Table(
    # Rows are only ever added: triggers refuse the rest.
    "audit_log",
    metadata,
    sa.Column("number", _Number, primary_key=True),
    _required("commit_ms", sa.BigInteger()),
    _required("labeler_id", sa.String(64)),
    _required("role", sa.String(16)),
    _required("action", sa.String(64)),
    _required("run_id", sa.String(64)),
    _required("object", sa.String(200)),
    _required("detail", sa.Text()),
    sa.Index(None, "run_id", "number"),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("webhook_id", sa.String(64), primary_key=True),
    _required("run_id", sa.String(64), sa.ForeignKey("runs.run_id")),
    _required("url", sa.Text()),
    # Readable, unlike tokens: each delivery is signed with it.
    _required("secret", sa.String(100)),
    _required("created_ms", sa.BigInteger()),
    # The receiver has taken the log up to here.
    _count("delivered_cursor"),
    # The end of the batch that is being tried: each try sends the same rows under the same name.
    _count("batch_cursor"),
    # Nobody tries before: it is claimed until then, or failed.
    _count("next_try_ms"),
    _count("num_failures"),
    # 0 before the first
    _count("success_ms"),
    _count("error_ms"),
    _text("error", 500),
    sa.Index(None, "run_id"),
)
