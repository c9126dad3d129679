"""Keeps what owners see of a run as it goes: learning curves, and clips with what was predicted of them."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Protocol

import sqlalchemy as sa

from services.labeler.clips import clip_list_repository
from services.labeler.clips.clip_order import Place
from services.labeler.database import Database
from services.labeler.model import list_pages
from services.labeler.model.clips import ClipChoice, ClippedQuery
from services.labeler.model.progress import ProgressPoint, ProgressReport, TrueReturns
from services.labeler.model.runs import Run
from services.labeler.runs import progress_repository, run_repository
from somersault.errors import InvalidInputError

__all__ = ["Scorekeeper", "Watching"]

_PLACE = re.compile(r"(\d)_(\d{1,18}(?:\.\d{1,18})?(?:e[+-]?\d{1,3})?)_(\d{1,18})", re.ASCII)


class Scorekeeper(Protocol):
    """Knows how episodes went by the hidden reward."""

    async def true_returns(self, *, task: str) -> TrueReturns | None:
        """Gives the mean over a task's newest episodes, if there are any and it has a hidden reward."""
        ...


class Watching:
    """Takes reports of reward services and shows owners what became of them."""

    def __init__(self, database: Database, scorekeeper: Scorekeeper) -> None:
        """Takes the database, and who knows the true returns that no reward service may pass on."""
        self._database = database
        self._scorekeeper = scorekeeper

    async def report(self, run_id: str, report: ProgressReport | None) -> Run:
        """Add a point to a run's learning curves, if there is one, and return the run, with what owners want of it.

        Raises:
            InvalidInputError: a number is out of its bounds.
            NotFoundError: the run is unknown.
        """
        if report is not None:
            _check(report)
        run = await self._database.read(lambda connection: run_repository.read(connection, run_id))
        if report is None:
            return run
        true_returns = await self._scorekeeper.true_returns(task=run.task)

        def add(connection: sa.Connection) -> Run:
            progress_repository.add(connection, run_id, report, true_returns=true_returns)
            return run_repository.read(connection, run_id)

        return await self._database.write(add)

    async def curves(self, run_id: str, *, cursor: int) -> tuple[list[ProgressPoint], int]:
        """Gives a run's points after a number, oldest first, and the database's time in milliseconds.

        Raises:
            InvalidInputError: the cursor is negative.
            NotFoundError: the run is unknown.
        """
        if cursor < 0:
            raise InvalidInputError("cursor", cursor, "at least 0")
        return await self._database.read(
            lambda connection: progress_repository.read_after(connection, run_id, cursor=cursor)
        )

    async def chosen_clips(
        self, run_id: str, choice: ClipChoice, *, page_size: int, page_token: str
    ) -> tuple[list[ClippedQuery], str]:
        """Return a page of a run's queries with clips, and the token of the next one.

        Raises:
            InvalidInputError: the size is out of bounds, or the token none of ours.
            NotFoundError: the run is unknown.
        """
        size, after = list_pages.screen_size(page_size), _place(page_token, choice)
        clipped, following = await self._database.read(
            lambda connection: clip_list_repository.list_chosen(
                connection, run_id, choice, after=after, page_size=size
            )
        )
        return clipped, "" if following is None else _token(following, choice)


def _token(place: Place, choice: ClipChoice) -> str:
    return "_".join(map(repr, place)) if choice.is_by_disagreement else str(place.number)


def _place(page_token: str, choice: ClipChoice) -> Place | None:
    """Return the place that a token of this order stands for; None for the first page.

    Raises:
        InvalidInputError: it is none of ours, or of another order.
    """
    if not choice.is_by_disagreement or not page_token:
        number = list_pages.start(page_token)
        return None if number is None else Place(0, 0.0, number)
    parts = _PLACE.fullmatch(page_token)
    if parts is None:
        raise InvalidInputError("page_token", page_token, "one from the last response")
    return Place(int(parts[1]), float(parts[2]), int(parts[3]))


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
