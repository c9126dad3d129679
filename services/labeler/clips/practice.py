"""Practice pairs, as a run's task provides them. Answers to them are stored nowhere."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from services.labeler.database import Database
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference
from somersault.tasks import Task, find_practice
from somersault.tasks.practice import PracticePair

__all__ = ["Practice", "ShownPair"]

MAX_PAIRS = 4

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPair:
    """A practice pair with the bytes of its clips."""

    left: bytes
    right: bytes
    preference: Preference
    explanation: str


class Practice:
    """Serves practice pairs."""

    def __init__(self, database: Database, *, own_task: Task | None) -> None:
        """Take the database, and the custom task, if any, which can't be found by its name."""
        self._database = database
        self._own_task = own_task

    async def pairs(self, run_id: str) -> list[ShownPair]:
        """Return the practice pairs of a run's task, in order, if it has any.

        Raises:
            NotFoundError: the run is unknown.
        """
        run = await self._database.read(lambda connection: run_repository.read(connection, run_id))
        own = self._own_task
        pairs = own.practice if own is not None and own.name == run.task else find_practice(run.task)
        shown = [await asyncio.to_thread(_read, pair) for pair in pairs[:MAX_PAIRS]]
        return [pair for pair in shown if pair is not None]


def _read(pair: PracticePair) -> ShownPair | None:
    """Return a pair with its clips; None, logged, if one can't be read."""
    try:
        left, right = Path(pair.left).read_bytes(), Path(pair.right).read_bytes()
    except OSError as err:
        _log.error("practice_clip_unreadable", path=err.filename, error=str(err))
        return None
    return ShownPair(left=left, right=right, preference=pair.preference, explanation=pair.explanation)
