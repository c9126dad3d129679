"""Runs, their state, counts and results to messages and back."""

from __future__ import annotations

from services.labeler.api.convert import (
    progress_messages,
)
from services.labeler.model.run_state import RunResult, RunState
from services.labeler.model.runs import Run, RunStats, RunView
from services.labeler.runs.run_changes import RunChange
from somersault.domain.feedback import Preference
from somersault.errors import InvalidInputError
from somersault.v1 import labeler_pb2 as pb
from somersault.wire.times import timestamp_from_milliseconds

__all__ = [
    "change_from_message",
    "owner_requests_to_message",
    "result_to_message",
    "run_to_message",
    "state_to_message",
    "stats_to_message",
]

_STATES = {
    RunState.RUNNING: pb.RUN_STATE_RUNNING,
    RunState.PAUSED: pb.RUN_STATE_PAUSED,
    RunState.STOPPED: pb.RUN_STATE_STOPPED,
    RunState.FINISHED: pb.RUN_STATE_FINISHED,
}


def state_to_message(state: RunState | None) -> pb.RunState.ValueType:
    """Return the message of a state; unspecified for None."""
    return pb.RUN_STATE_UNSPECIFIED if state is None else _STATES[state]


def result_to_message(result: RunResult | None) -> pb.RunResult | None:
    """Return the message of a result, if there is one."""
    if result is None:
        return None
    return pb.RunResult(
        env_steps=result.env_steps,
        num_labels=result.num_labels,
        headline=result.headline,
        true_return_mean=result.true_return_mean,
        finish_time=timestamp_from_milliseconds(result.finished_ms),
    )


def stats_to_message(stats: RunStats) -> pb.GetStatsResponse:
    """Return the message of a run's counts."""
    return pb.GetStatsResponse(
        num_rendering=stats.num_rendering,
        num_ready=stats.num_ready,
        num_leased=stats.num_leased,
        num_answered=stats.num_answered,
        num_left=stats.num_by_preference.get(Preference.LEFT, 0),
        num_right=stats.num_by_preference.get(Preference.RIGHT, 0),
        num_equal=stats.num_by_preference.get(Preference.EQUAL, 0),
        num_incomparable=stats.num_by_preference.get(Preference.INCOMPARABLE, 0),
        num_last_hour=stats.num_last_hour,
        num_own=stats.num_own,
        question=stats.question,
        newest_cursor=stats.newest_cursor,
        newest_log_cursor=stats.newest_log_cursor,
        oldest_ready_age_s=stats.oldest_ready_age_s,
        num_last_hour_by_labelers=stats.num_last_hour_by_labelers,
        num_last_hour_by_teachers=stats.num_last_hour_by_teachers,
        guidelines_version=stats.guidelines_version,
        is_paused=stats.is_paused,
        run_state=state_to_message(stats.run_state),
        label_budget=stats.label_budget,
        num_awaited=stats.num_awaited,
        result=result_to_message(stats.result),
        task=stats.task,
    )


def owner_requests_to_message(run: Run) -> pb.ReportProgressResponse:
    """Return what owners ask of a run, for its services."""
    return pb.ReportProgressResponse(
        is_paused=run.is_paused,
        label_budget=run.label_budget or None,
        # asked before the run finished: a run that is resumed must not finish at once
        is_finishing=run.is_finishing and run.state is not RunState.FINISHED,
    )


def change_from_message(message: pb.UpdateRunRequest) -> RunChange:
    """Return a change of a run; absent fields are None.

    Raises:
        InvalidInputError: there is no such state.
    """

    def given(name: str) -> object:
        return getattr(message, name) if message.HasField(name) else None  # type: ignore[arg-type]

    names = (
        "target_answers",
        "gold_interval",
        "is_paused",
        "question",
        "label_budget",
        "is_finishing",
        "identity",
    )
    return RunChange(
        **{name: given(name) for name in names},  # type: ignore[arg-type]
        asks_again=message.asks_again_on_disagreement
        if message.HasField("asks_again_on_disagreement")
        else None,
        state=_state_from_message(message.state),
        result=_result_from_message(message.result) if message.HasField("result") else None,
    )


def _state_from_message(value: pb.RunState.ValueType) -> RunState | None:
    if value == pb.RUN_STATE_UNSPECIFIED:
        return None
    for state, number in _STATES.items():
        if number == value:
            return state
    raise InvalidInputError("state", value, "running, stopped or finished")


def _result_from_message(message: pb.RunResult) -> RunResult:
    return RunResult(
        env_steps=message.env_steps,
        num_labels=message.num_labels,
        headline=message.headline,
        true_return_mean=message.true_return_mean if message.HasField("true_return_mean") else None,
    )


def run_to_message(view: RunView) -> pb.Run:
    """Return the message of a run and how it stands."""
    run, point = view.run, view.newest_point
    return pb.Run(
        run_id=run.run_id,
        task=run.task,
        question=run.question,
        create_time=timestamp_from_milliseconds(run.created_ms),
        target_answers=run.target_answers,
        asks_again_on_disagreement=run.asks_again,
        gold_interval=run.gold_interval,
        guidelines_version=run.guidelines_version,
        newest_log_cursor=run.newest_cursor,
        is_paused=run.is_paused,
        state=state_to_message(run.state),
        label_budget=view.label_budget,
        is_finishing=run.is_finishing,
        num_answered=run.num_answered,
        newest_point=progress_messages.point_to_message(point) if point else None,
        result=result_to_message(view.result),
        newest_policy_clip=view.newest_policy_clip,
        identity=run.identity,
    )
