"""Converts runs, progress points and clips to the labeler's messages, which the page reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from google.protobuf.timestamp_pb2 import Timestamp

from somersault.errors import InvalidInputError
from somersault.runs import Run, RunState
from somersault.runs.policy_clips import StoredClip
from somersault.v1 import labeler_pb2
from somersault.wire.clip_paths import policy_clip_path

__all__ = ["clip_to_message", "points_to_messages", "run_to_message"]

_MAX_POINTS = 2_000  # as GetRunProgressResponse says

_STATES = {
    RunState.RUNNING: labeler_pb2.RUN_STATE_RUNNING,
    RunState.STOPPED: labeler_pb2.RUN_STATE_STOPPED,
    RunState.FINISHED: labeler_pb2.RUN_STATE_FINISHED,
}


def run_to_message(run_id: str, run: Run, *, clips: Sequence[StoredClip]) -> labeler_pb2.Run:
    """Return the message of a run.

    Args:
        run_id: Its name on the page.
        run: The run.
        clips: Clips of its policies.
    """
    state, newest, summary = run.state, run.newest_point, run.summary
    message = labeler_pb2.Run(
        run_id=run_id,
        folder=_shown(run.path),
        task=run.settings.task,
        question=_question(run),
        create_time=_timestamp(run.started_s),
        state=_STATES[state],
        label_budget=run.settings.label_budget,
        num_answered=run.num_labels,
        newest_policy_clip=clips[-1].policy_version if clips else None,
    )
    if newest:
        message.newest_point.CopyFrom(_point(run, 1, newest, offset_s=_clock_offset_s(run)))
    if state is RunState.FINISHED and summary is not None:
        message.result.CopyFrom(
            labeler_pb2.RunResult(
                env_steps=int(summary.get("env_steps", 0)),
                num_labels=int(summary.get("labels", 0)),
                true_return_mean=summary.get("true_return_mean"),
                finish_time=_timestamp((run.path / "summary.json").stat().st_mtime),
            )
        )
    return message


def points_to_messages(run: Run, *, cursor: int) -> list[labeler_pb2.ProgressPoint]:
    """Return the points after the cursor, thinned evenly to what a response may hold; the newest is always among them."""
    points, offset_s = run.points, _clock_offset_s(run)
    numbers = range(cursor + 1, len(points) + 1)
    step = -(-len(numbers) // _MAX_POINTS) or 1
    return [
        _point(run, number, points[number - 1], offset_s=offset_s) for number in numbers[::-1][::step][::-1]
    ]


def clip_to_message(run_id: str, clip: StoredClip) -> labeler_pb2.PolicyClip:
    """Return the message of a policy clip."""
    created = Timestamp()
    created.FromMilliseconds(clip.created_ms)
    return labeler_pb2.PolicyClip(
        policy_version=clip.policy_version,
        env_steps=clip.env_steps,
        clip_url=f"{policy_clip_path(quote(run_id, safe=''), clip.policy_version)}?sha256={clip.sha256}",
        clip_sha256=clip.sha256,
        duration_s=clip.duration_s,
        create_time=created,
        is_final=clip.is_final,
        predicted_rewards=clip.predicted_rewards.tolist(),
        true_return=clip.true_return,
    )


def _point(run: Run, number: int, point: dict[str, Any], *, offset_s: float) -> labeler_pb2.ProgressPoint:
    """Return the message of one point; unknown fields are absent.

    What a reference run calls the predicted reward is the true reward it trained on.
    """
    steps = int(point.get("run/env_steps", 0))
    return labeler_pb2.ProgressPoint(
        number=number,
        report_time=_timestamp(offset_s + float(point.get("wall_s", 0.0))),
        env_steps=steps,
        total_env_steps=max(steps, run.settings.total_env_steps),
        env_steps_per_s=point.get("run/env_steps_per_s") or None,
        label_budget=run.settings.label_budget,
        num_labels_due=int(point.get("run/labels_due", 0)),
        num_answered=int(point.get("run/labels", 0)),
        preference_accuracy=point.get("reward/preference_accuracy"),
        num_accuracy_preferences=int(point.get("reward/num_accuracy_preferences", 0)),
        predicted_reward_mean=None
        if run.settings.is_reference
        else point.get("reward/predicted_reward_mean"),
        reward_version=int(point.get("run/reward_version", 0)),
        true_return_mean=point.get("episode/true_return_mean"),
        training_loss=point.get("reward/training_loss"),
    )


def _clock_offset_s(run: Run) -> float:
    """Return when training would have begun had it never stopped, because points hold training time only."""
    progress = run.path / "progress.jsonl"
    if not progress.is_file():
        return run.started_s
    return progress.stat().st_mtime - float(run.newest_point.get("wall_s", 0.0))


def _timestamp(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromMilliseconds(round(seconds * 1000))
    return stamp


def _shown(folder: Path) -> str:
    """Return a folder as a command would name it from the current directory."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _question(run: Run) -> str:
    try:
        return run.task.question
    except InvalidInputError:  # the task's file is gone
        return ""
