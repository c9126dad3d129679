"""Changes of a run: checked against bounds and the run's state, applied, noted in the audit log."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.labeler.model.labelers import Labeler
from services.labeler.model.run_state import RunResult, RunState
from services.labeler.model.runs import Run
from services.labeler.oversight import audit_repository
from services.labeler.runs import (
    progress_repository,
    result_repository,
    run_repository,
)
from somersault.domain.bounds import MAX_LABELS
from somersault.domain.preference_log import MAX_TARGET
from somersault.domain.texts import MAX_QUESTION, check_identity, check_text
from somersault.errors import FailedPreconditionError, InvalidInputError

__all__ = ["RunChange", "apply", "check", "check_target"]

MAX_GOLD_INTERVAL = 1000
MAX_HEADLINE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """What to change in a run; None leaves a field as it is."""

    target_answers: int | None = None
    asks_again: bool | None = None
    gold_interval: int | None = None
    is_paused: bool | None = None
    question: str | None = None
    label_budget: int | None = None
    is_finishing: bool | None = None
    identity: str | None = None
    state: RunState | None = None
    """Running, stopped or finished."""
    result: RunResult | None = None
    """Given with the state finished."""

    @property
    def moves_state(self) -> bool:
        """Whether it may change the run's state."""
        return self.is_paused is not None or self.state is not None


def check(change: RunChange) -> None:
    """Check that a change is within its bounds.

    Raises:
        InvalidInputError: a value is not.
    """
    if change.target_answers is not None:
        check_target(change.target_answers)
    _check_range("gold_interval", change.gold_interval, 0, MAX_GOLD_INTERVAL)
    _check_range("label_budget", change.label_budget, 1, MAX_LABELS)
    if change.question is not None:
        check_text("question", change.question, least=1, most=MAX_QUESTION, has_lines=True)
    if change.identity is not None:
        check_identity("identity", change.identity)
    if change.state is RunState.PAUSED:
        raise InvalidInputError("state", change.state.value, "running, stopped or finished; is_paused pauses")
    if change.result is not None:
        _check_result(change.result, change.state)


def check_target(target_answers: int) -> None:
    """Check a number of answers wanted for a query.

    Raises:
        InvalidInputError: it is not 1 to 10.
    """
    _check_range("target_answers", target_answers, 1, MAX_TARGET)


def apply(connection: sa.Connection, by: Labeler, run_id: str, change: RunChange) -> None:
    """Apply a change to a run. Fields that already have their value are left alone, and not noted again.

    Raises:
        NotFoundError: the run is unknown.
        FailedPreconditionError: the run is finished, and a finished run can't do that.
    """
    row = run_repository.lock(connection, run_id)
    run, known = run_repository.of_row(row), result_repository.read(connection, run_id)
    fields = [field.name for field in dataclasses.fields(change) if field.name not in ("state", "result")]
    wanted = {name: getattr(change, name) for name in fields}
    changed = {k: v for k, v in wanted.items() if v is not None and v != getattr(run, k)}
    if change.state is not None and change.state.value != row.state:
        changed["state"] = change.state.value
    result = _result(connection, run, change, known)
    if not changed and result == known:
        return
    _check_life(run, changed)
    columns = _following(run, changed) | changed
    if columns:
        run_repository.update(connection, run_id, **columns)
    detail = dict(changed)
    if change.state is RunState.RUNNING:
        result_repository.remove(connection, run_id)
    elif result is not None and result != known:
        result_repository.keep(connection, run_id, result)
        detail["result"] = _described(result)
    audit_repository.add(connection, by, "UpdateRun", run_id=run_id, what=run_id, **detail)


def _result(
    connection: sa.Connection, run: Run, change: RunChange, known: RunResult | None
) -> RunResult | None:
    """Return the result to store: the one given, or else, for a finished run, one from its own figures."""
    if change.state is not RunState.FINISHED:
        return None if change.state is RunState.RUNNING else known
    if change.result is not None:
        return dataclasses.replace(change.result, finished_ms=known.finished_ms if known else 0)
    if known is not None:
        return known
    point = progress_repository.newest(connection, [run.run_id]).get(run.run_id)
    return RunResult(
        env_steps=point.report.env_steps if point else 0,
        num_labels=run.num_answered,
        headline="",
        true_return_mean=None,
    )


def _following(run: Run, changed: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that change along: finishing ends a pause, resuming ends a request to finish early."""
    following: dict[str, Any] = {}
    if "question" in changed:
        following["is_question_edited"] = True
    if changed.get("state") == RunState.FINISHED.value:
        following["is_paused"] = False
    elif "state" in changed and run.state is RunState.FINISHED:
        following["is_finishing"] = False
    return following


def _check_life(run: Run, changed: dict[str, Any]) -> None:
    """Check that a run may change so in its state.

    Raises:
        FailedPreconditionError: it is finished.
    """
    if run.state is not RunState.FINISHED or changed.get("state") == RunState.RUNNING.value:
        return
    refused = [name for name in ("is_finishing", "is_paused", "state") if name in changed]
    if refused:
        raise FailedPreconditionError(
            f"run {run.run_id!r} is finished, {refused[0]} can't be changed any more; state running resumes it"
        )


def _check_result(result: RunResult, state: RunState | None) -> None:
    if state is not RunState.FINISHED:
        said = "none" if state is None else state.value
        raise InvalidInputError("state", said, "finished, where a result is given")
    for field in ("env_steps", "num_labels"):
        if getattr(result, field) < 0:
            raise InvalidInputError(f"result.{field}", getattr(result, field), "at least 0")
    check_text("result.headline", result.headline, most=MAX_HEADLINE)
    if result.true_return_mean is not None and not math.isfinite(result.true_return_mean):
        raise InvalidInputError("result.true_return_mean", result.true_return_mean, "a finite number")


def _check_range(field: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidInputError(field, value, f"{least} to {most}")


def _described(result: RunResult) -> dict[str, Any]:
    """Return a result for the audit log, without the time, which the log has itself."""
    return {name: value for name, value in dataclasses.asdict(result).items() if name != "finished_ms"}
