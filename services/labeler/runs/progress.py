"""Learning curves: reports of a run's reward service become points, which owners read."""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol

import sqlalchemy as sa

from services.labeler.database import Database
from services.labeler.model.progress import ProgressPoint, ProgressReport, TrueReturns
from services.labeler.model.runs import Run
from services.labeler.runs import progress_repository, run_repository
from somersault.errors import InvalidInputError

__all__ = ["RunProgress", "TrueReturnSource"]


class TrueReturnSource(Protocol):
    """Measures episodes by the true reward."""

    async def true_returns(self, *, task: str) -> TrueReturns | None:
        """Return the mean true return over a task's newest episodes, if it has a true reward and any have finished."""
        ...


class RunProgress:
    """Adds reports to learning curves, and reads the curves."""

    def __init__(self, database: Database, source: TrueReturnSource) -> None:
        """Take the database, and the source of the true returns, which no reward service may see."""
        self._database = database
        self._source = source

    async def report(self, run_id: str, report: ProgressReport | None) -> Run:
        """Add a point to a run's learning curves, if one is given; return the run, with what owners ask of it.

        Raises:
            InvalidInputError: a number is out of its bounds.
            NotFoundError: the run is unknown.
        """
        if report is not None:
            _check(report)
        run = await self._database.read(lambda connection: run_repository.read(connection, run_id))
        if report is None:
            return run
        true_returns = await self._source.true_returns(task=run.task)

        def add(connection: sa.Connection) -> Run:
            progress_repository.add(connection, run_id, report, true_returns=true_returns)
            return run_repository.read(connection, run_id)

        return await self._database.write(add)

    async def curves(self, run_id: str, *, cursor: int) -> tuple[list[ProgressPoint], int]:
        """Return a run's points after a number, oldest first, and the database's time in milliseconds.

        Raises:
            InvalidInputError: the cursor is negative.
            NotFoundError: the run is unknown.
        """
        if cursor < 0:
            raise InvalidInputError("cursor", cursor, "at least 0")
        return await self._database.read(
            lambda connection: progress_repository.read_after(connection, run_id, cursor=cursor)
        )


def _check(report: ProgressReport) -> None:
    for field, value in dataclasses.asdict(report).items():
        if value is None:
            continue
        if not math.isfinite(value):
            raise InvalidInputError(field, value, "a finite number")
        if value < 0 and field != "predicted_reward_mean":
            raise InvalidInputError(field, value, "at least 0")
    if report.preference_accuracy is not None and report.preference_accuracy > 1:
        raise InvalidInputError("preference_accuracy", report.preference_accuracy, "0 to 1")
