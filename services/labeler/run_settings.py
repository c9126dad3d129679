"""Runs: how they ask, what they tell labelers to judge by, how far labelers agree."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa

from services.labeler import pages
from services.labeler.agreement import Agreement
from services.labeler.changes import Changes
from services.labeler.records import Guidelines, Labeler, Run
from services.labeler.store import Database, audit, guidelines, runs, tallies
from somersault.errors import InvalidInputError

__all__ = ["RunSettings", "Settings", "check_target"]

MAX_TARGET = 10  # answers a query: more people than that look at no pair
MAX_GOLD_INTERVAL = 1000
MAX_GUIDELINES = 20_000

# What CommonMark 0.31 may take for raw HTML (section 6.6): a tag, a comment, a declaration, an instruction.
_RAW_HTML = re.compile(r"<[A-Za-z/!?]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Holds what shall change of how a run asks; None stays."""

    target_answers: int | None
    asks_again: bool | None
    gold_interval: int | None
    is_paused: bool | None = None


class RunSettings:
    """Changes and lists runs."""

    def __init__(self, database: Database, *, queries_changed: Changes) -> None:
        """Takes the database and what to tell of a run that goes on."""
        self._database = database
        self._queries_changed = queries_changed

    async def update(self, by: Labeler, run_id: str, settings: Settings) -> Run:
        """Changes how a run asks, and gives it as it is then.

        Raises:
            InvalidInputError: a number is out of its bounds.
            NotFoundError: the run is unknown.
        """
        if settings.target_answers is not None:
            check_target(settings.target_answers)
        if settings.gold_interval is not None and not 0 <= settings.gold_interval <= MAX_GOLD_INTERVAL:
            raise InvalidInputError("gold_interval", settings.gold_interval, f"0 to {MAX_GOLD_INTERVAL}")
        named = {field: getattr(settings, field) for field in Settings.__slots__}

        def update(connection: sa.Connection) -> Run:
            run = runs.read(connection, run_id)
            changed = {k: v for k, v in named.items() if v is not None and v != getattr(run, k)}
            if not changed:
                return run
            runs.update(connection, run_id, **changed)
            audit.add(connection, by, "UpdateRun", run_id=run_id, what=run_id, **changed)
            return runs.read(connection, run_id)

        run = await self._database.write(update)
        if settings.is_paused is False:
            self._queries_changed.announce()
        return run

    async def list_newest(self, *, page_size: int, page_token: str) -> tuple[list[Run], str]:
        """Gives a page of runs, newest first, and the token of the next one.

        Raises:
            InvalidInputError: the size is out of bounds, or the token none of ours.
        """
        page_size = pages.size(page_size)
        created, _, run_id = page_token.partition("-")
        created_ms = pages.start(created)
        before = None if created_ms is None else (created_ms, run_id)
        found = await self._database.read(
            lambda connection: runs.list_newest(connection, before=before, page_size=page_size + 1)
        )
        page = found[:page_size]
        last = page[-1] if len(found) > page_size else None
        return page, f"{last.created_ms}-{last.run_id}" if last else ""

    async def agreement(self, run_id: str) -> Agreement:
        """Gives how far a run's labelers agree.

        Raises:
            NotFoundError: the run is unknown.
        """

        def measure(connection: sa.Connection) -> Agreement:
            runs.read(connection, run_id)
            return tallies.agreement(connection, run_id)

        return await self._database.read(measure)

    async def set_guidelines(self, by: Labeler, run_id: str, text: str) -> int:
        """Adds a version of a run's guidelines and gives its number.

        Raises:
            InvalidInputError: the text is empty, too long, or may hold raw HTML.
            NotFoundError: the run is unknown.
        """
        if not 1 <= len(text) <= MAX_GUIDELINES:
            raise InvalidInputError("length of text", len(text), f"1 to {MAX_GUIDELINES} characters")
        if found := _RAW_HTML.search(text):
            at = text[found.start() : found.start() + 20]
            raise InvalidInputError("text", at, "Markdown without raw HTML; write &lt; for <")
        return await self._database.write(lambda connection: guidelines.add(connection, by, run_id, text))

    async def read_guidelines(self, run_id: str, version: int) -> Guidelines:
        """Gives a version of a run's guidelines; the newest for 0.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(lambda connection: guidelines.read(connection, run_id, version))


def check_target(target_answers: int) -> None:
    """Checks how many answers a query shall have.

    Raises:
        InvalidInputError: it is not 1 to 10.
    """
    if not 1 <= target_answers <= MAX_TARGET:
        raise InvalidInputError("target_answers", target_answers, f"1 to {MAX_TARGET}")
