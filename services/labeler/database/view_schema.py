"""The tables of what people see of a run: predictions, learning curves, results, policies' clips. `schema` has them too."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.database.columns import Number, count, metadata, required

__all__ = ["policy_clips", "predicted_rewards", "progress_points", "run_results"]

predicted_rewards = sa.Table(
    # The proposer's predictions for queries with clips, for owners to see: little-endian float32, one per step.
    "predicted_rewards",
    metadata,
    sa.Column("query_number", Number, sa.ForeignKey("queries.number"), primary_key=True, autoincrement=False),
    required("reward_version", sa.BigInteger()),
    # of the segment shown there
    required("left_rewards", sa.LargeBinary()),
    required("right_rewards", sa.LargeBinary()),
    # Sum of left minus sum of right: above 0 where left was predicted to be better, the surer the farther from 0.
    sa.Column("left_advantage", sa.Float(), nullable=False, server_default="0"),
)

progress_points = sa.Table(
    # A run's learning curves as its reward service reported them, with true returns from simulators.
    "progress_points",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    # 1, 2, … for each report; most are thinned out later
    sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
    required("report_ms", sa.BigInteger()),
    required("env_steps", sa.BigInteger()),
    required("total_env_steps", sa.BigInteger()),
    required("label_budget", sa.BigInteger()),
    required("num_labels_due", sa.BigInteger()),
    required("num_answered", sa.BigInteger()),
    required("num_last_hour", sa.BigInteger()),
    required("num_accuracy_preferences", sa.BigInteger()),
    required("reward_version", sa.BigInteger()),
    required("num_pool_segments", sa.BigInteger()),
    required("num_episodes", sa.BigInteger()),
    count("num_awaited"),
    # null if unknown
    sa.Column("env_steps_per_s", sa.Float()),
    sa.Column("wished_labels_per_hour", sa.Float()),
    sa.Column("preference_accuracy", sa.Float()),
    sa.Column("predicted_reward_mean", sa.Float()),
    sa.Column("true_return_mean", sa.Float()),
    sa.Column("training_loss", sa.Float()),
)

run_results = sa.Table(
    # A run's result: a row once it is finished, removed if it is resumed.
    "run_results",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    required("env_steps", sa.BigInteger()),
    required("num_labels", sa.BigInteger()),
    required("headline", sa.Text()),
    sa.Column("true_return_mean", sa.Float()),
    required("finished_ms", sa.BigInteger()),
)

policy_clips = sa.Table(
    # Each policy version's newest clip, verified when it was added.
    "policy_clips",
    metadata,
    sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("policy_version", sa.BigInteger(), primary_key=True, autoincrement=False),
    required("env_steps", sa.BigInteger()),
    required("clip_uri", sa.Text()),
    required("sha256", sa.String(64)),
    required("duration_s", sa.Float()),
    required("created_ms", sa.BigInteger()),
    required("is_final", sa.Boolean()),
    # little-endian float32, one per step; empty if nothing was predicted
    required("predicted_rewards", sa.LargeBinary()),
    sa.Column("true_return", sa.Float()),
)
