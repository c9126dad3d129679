"""Learning curves to messages, and reward services' reports from them."""

from __future__ import annotations

from services.labeler.model.progress import ProgressPoint, ProgressReport
from somersault.v1 import labeler_pb2 as pb
from somersault.wire.times import timestamp_from_milliseconds

__all__ = ["point_to_message", "report_from_message"]


def report_from_message(message: pb.ProgressPoint) -> ProgressReport:
    """Return a report of a run's progress; absent fields are None."""

    def figure(name: str) -> float | None:
        return getattr(message, name) if message.HasField(name) else None  # type: ignore[arg-type]

    return ProgressReport(
        env_steps=message.env_steps,
        total_env_steps=message.total_env_steps,
        env_steps_per_s=figure("env_steps_per_s"),
        label_budget=message.label_budget,
        num_labels_due=message.num_labels_due,
        wished_labels_per_hour=figure("wished_labels_per_hour"),
        preference_accuracy=figure("preference_accuracy"),
        num_accuracy_preferences=message.num_accuracy_preferences,
        predicted_reward_mean=figure("predicted_reward_mean"),
        reward_version=message.reward_version,
        num_pool_segments=message.num_pool_segments,
        num_awaited=message.num_awaited,
        training_loss=figure("training_loss"),
    )


def point_to_message(point: ProgressPoint) -> pb.ProgressPoint:
    """Return the message of a point."""
    report, returns = point.report, point.true_returns
    return pb.ProgressPoint(
        number=point.number,
        report_time=timestamp_from_milliseconds(point.report_ms),
        env_steps=report.env_steps,
        total_env_steps=report.total_env_steps,
        env_steps_per_s=report.env_steps_per_s,
        label_budget=report.label_budget,
        num_labels_due=report.num_labels_due,
        wished_labels_per_hour=report.wished_labels_per_hour,
        num_answered=point.num_answered,
        num_last_hour=point.num_last_hour,
        preference_accuracy=report.preference_accuracy,
        num_accuracy_preferences=report.num_accuracy_preferences,
        predicted_reward_mean=report.predicted_reward_mean,
        reward_version=report.reward_version,
        num_pool_segments=report.num_pool_segments,
        true_return_mean=returns.mean if returns else None,
        num_episodes=returns.num_episodes if returns else 0,
        num_awaited=report.num_awaited,
        training_loss=report.training_loss,
    )
