"""The tables. `migrations` creates them; a test compares the two.

Every ``*_ms`` time is milliseconds since 1970 by the database's clock. Every token is stored as its SHA-256.
"""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.database.columns import Number, Row, count, flag, log_columns, metadata, required, text
from services.labeler.database.view_schema import (
    policy_clips,
    predicted_rewards,
    progress_points,
    run_results,
)

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
    "policy_clips",
    "predicted_rewards",
    "preference_log",
    "progress_points",
    "queries",
    "run_members",
    "run_results",
    "runs",
    "segments",
    "sessions",
    "webhooks",
    "weight_changes",
]

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    required("task", sa.Text()),
    required("question", sa.Text()),
    # Counted up in the transaction that adds a row to the log, so the log has no gaps.
    required("newest_cursor", sa.BigInteger()),
    # of the row there
    text("newest_commit_id", 64),
    required("created_ms", sa.BigInteger()),
    # Tells runs of one name apart; empty until one is given.
    text("identity", 32),
    # How it asks; see UpdateRun.
    count("target_answers", default=1),
    flag("asks_again"),
    count("gold_interval", default=20),
    flag("is_paused"),
    # running, stopped or finished, as set by whoever starts and stops its services; is_paused is separate
    sa.Column("state", sa.String(16), nullable=False, server_default="running"),
    flag("is_finishing"),
    # As set by an owner; 0 if it wasn't.
    count("label_budget"),
    # By an owner, so CreateRun doesn't change it back.
    flag("is_question_edited"),
    count("guidelines_version"),
    # The newest cursor of a row that is neither gold nor a weight change.
    count("newest_plain_cursor"),
    # Queries by state without gold, and counted answers by newest preference; updated along with them.
    count("num_rendering"),
    count("num_ready"),
    count("num_answered"),
    count("num_failed"),
    count("num_withdrawn"),
    count("num_left"),
    count("num_right"),
    count("num_equal"),
    count("num_incomparable"),
)

labelers = sa.Table(
    "labelers",
    metadata,
    sa.Column("labeler_id", sa.String(64), primary_key=True),
    required("name", sa.String(100)),
    required("role", sa.String(16)),
    required("token_sha256", sa.String(64)),
    required("created_ms", sa.BigInteger()),
    # 0 unless revoked; then token_sha256 is no digest any more.
    count("revoked_ms"),
    # Its token is good for every run, not only for those in run_members.
    flag("is_everywhere"),
    sa.UniqueConstraint("token_sha256"),
)

run_members = sa.Table(
    # Which labelers' tokens are good for which runs. A run's own labelers are members before it is created.
    "run_members",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id"), primary_key=True),
    sa.Index(None, "labeler_id"),
)

sessions = sa.Table(
    # Of browsers. Each holds as long as its labeler has the token that began it.
    "sessions",
    metadata,
    sa.Column("session_sha256", sa.String(64), primary_key=True),
    required("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id")),
    required("token_sha256", sa.String(64)),
    # When it was last used, within the hour.
    required("used_ms", sa.BigInteger()),
    required("expire_ms", sa.BigInteger()),
    sa.Index(None, "labeler_id"),
)

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("segment_id", sa.String(64), primary_key=True),
    required("segment_uri", sa.Text()),
    required("sealed_uri", sa.Text()),
    required("duration_s", sa.Float()),
)

clips = sa.Table(
    "clips",
    metadata,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("segment_id", sa.String(64), primary_key=True),
    required("clip_uri", sa.Text()),
    # pending, stored (read back with this digest) or failed
    required("state", sa.String(16)),
    required("sha256", sa.String(64)),
    required("num_failures", sa.Integer()),
    required("next_try_ms", sa.BigInteger()),
    required("reason", sa.Text()),
    sa.ForeignKeyConstraint(["run_id", "segment_id"], ["segments.run_id", "segments.segment_id"]),
    sa.Index(None, "state", "next_try_ms"),
)

queries = sa.Table(
    "queries",
    metadata,
    sa.Column("number", Number, primary_key=True),
    required("query_id", sa.String(64)),
    required("run_id", sa.String(64), sa.ForeignKey("runs.run_id")),
    required("proposal_id", sa.String(64)),
    required("left_segment_id", sa.String(64)),
    required("right_segment_id", sa.String(64)),
    required("wants_clips", sa.Boolean()),
    # Both clips are stored and verified, so nobody is shown an empty player.
    required("has_clips", sa.Boolean()),
    required("state", sa.String(16)),
    required("target_answers", sa.Integer()),
    required("num_answers", sa.Integer()),
    # Not withdrawn and short of answers: leasing looks only at these, however many were answered.
    required("is_open", sa.Boolean()),
    required("proposed_ms", sa.BigInteger()),
    # Counted answers by newest preference.
    count("num_left"),
    count("num_right"),
    count("num_equal"),
    # It wanted one more because its answers differed.
    flag("is_widened"),
    # Two or more counted answers, all left or all right, so others' answers can be judged by it.
    flag("is_unanimous"),
    # Empty for a real query. Gold belongs to one labeler: unanimous (of others) or repeat (of its own answer).
    text("gold_kind", 16),
    text("gold_labeler_id", 64),
    count("gold_source_number"),
    text("gold_preference", 16),
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

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("number", Number, primary_key=True),
    required("token_sha256", sa.String(64)),
    required("query_number", Number, sa.ForeignKey("queries.number")),
    required("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id")),
    # held (live until expire_ms), answered, released, returned, or expired (set some time after expire_ms)
    required("state", sa.String(16)),
    required("leased_ms", sa.BigInteger()),
    required("expire_ms", sa.BigInteger()),
    count("guidelines_version"),
    sa.UniqueConstraint("token_sha256"),
    sa.Index(None, "query_number"),
    sa.Index(None, "labeler_id", "state", "expire_ms"),
    sa.Index(None, "state", "expire_ms"),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("number", Number, primary_key=True),
    required("run_id", sa.String(64), sa.ForeignKey("runs.run_id")),
    required("query_number", Number, sa.ForeignKey("queries.number")),
    required("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id")),
    required("lease_number", Number, sa.ForeignKey("leases.number")),
    required("newest_version", sa.Integer()),
    # of the newest version
    required("preference", sa.String(16)),
    required("answered_ms", sa.BigInteger()),
    # answer_id, is_extra, response_ms and the other fields that `PreferenceRecord` places here
    *log_columns("answers", known={"labeler_id"}),
    sa.UniqueConstraint("answer_id"),
    sa.UniqueConstraint("lease_number"),
    sa.Index(None, "labeler_id", "number"),
)

preference_log = sa.Table(
    "preference_log",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("cursor", sa.BigInteger(), primary_key=True, autoincrement=False),
    required("answer_number", Number, sa.ForeignKey("answers.number")),
    required("version", sa.Integer()),
    required("preference", sa.String(16)),
    required("commit_ms", sa.BigInteger()),
    sa.Column("weight", sa.Float(), nullable=False, server_default="1"),
    # Drawn for each row, so that a log that was restored and grew again is told from the one that it was.
    text("commit_id", 64),
    sa.UniqueConstraint("answer_number", "version"),
)

weight_changes = sa.Table(
    "weight_changes",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    # In the same sequence as the preference log's.
    sa.Column("cursor", sa.BigInteger(), primary_key=True, autoincrement=False),
    required("change_id", sa.String(64)),
    required("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id")),
    required("weight", sa.Float()),
    required("changed_by", sa.String(64)),
    required("reason", sa.Text()),
    required("commit_ms", sa.BigInteger()),
    text("commit_id", 64),
    sa.UniqueConstraint("run_id", "change_id"),
)

labeler_weights = sa.Table(
    "labeler_weights",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id"), primary_key=True),
    required("weight", sa.Float()),
    required("cursor", sa.BigInteger()),
)

agreement = sa.Table(
    # How many queries have so many counted answers of each kind, so agreement costs the same over any number.
    "agreement",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("num_left", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("num_right", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("num_equal", sa.BigInteger(), primary_key=True, autoincrement=False),
    required("num_queries", sa.BigInteger()),
)

answer_minutes = sa.Table(
    "answer_minutes",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    # since 1970
    sa.Column("minute", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("role", sa.String(16), primary_key=True),
    required("num_answers", sa.BigInteger()),
)

labeler_counts = sa.Table(
    "labeler_counts",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("labeler_id", sa.String(64), sa.ForeignKey("labelers.labeler_id"), primary_key=True),
    # By newest preference, gold and extras included.
    count("num_left"),
    count("num_right"),
    count("num_equal"),
    count("num_incomparable"),
    # Answers with a response time, and those within half a clip's duration.
    count("num_timed"),
    count("num_fast"),
    count("num_unanimous"),
    count("num_unanimous_right"),
    count("num_repeats"),
    count("num_repeats_right"),
)

guidelines = sa.Table(
    "guidelines",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
    required("text", sa.Text()),
    required("created_ms", sa.BigInteger()),
)

audit_log = sa.Table(
    # Rows are only added: triggers refuse anything else.
    "audit_log",
    metadata,
    sa.Column("number", Number, primary_key=True),
    required("commit_ms", sa.BigInteger()),
    required("labeler_id", sa.String(64)),
    required("role", sa.String(16)),
    required("action", sa.String(64)),
    required("run_id", sa.String(64)),
    required("object", sa.String(200)),
    required("detail", sa.Text()),
    sa.Index(None, "run_id", "number"),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("webhook_id", sa.String(64), primary_key=True),
    required("run_id", sa.String(64), sa.ForeignKey("runs.run_id")),
    required("url", sa.Text()),
    # Encrypted by a key that is elsewhere; not hashed as tokens are, since each delivery is signed with it.
    required("secret", sa.String(100)),
    required("created_ms", sa.BigInteger()),
    # The receiver has accepted the log up to here.
    count("delivered_cursor"),
    # The end of the batch in delivery: each attempt sends the same rows under the same name.
    count("batch_cursor"),
    # No attempt before then: it is claimed, or the last attempt failed.
    count("next_try_ms"),
    count("num_failures"),
    # 0 before the first
    count("success_ms"),
    count("error_ms"),
    text("error", 500),
    sa.Index(None, "run_id"),
)
