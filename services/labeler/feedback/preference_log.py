"""The preference log: whoever follows it gets each row once, in order, and is told how the run stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial

import sqlalchemy as sa

from services.labeler.changes import wait_or_poll
from services.labeler.database import Database
from services.labeler.feedback import log_repository
from services.labeler.model.labelers import Labeler
from services.labeler.model.preference_log import LogPage
from services.labeler.model.run_state import RunState
from services.labeler.oversight import audit_repository
from services.labeler.people.admission import Admission
from services.labeler.runs import run_repository
from services.labeler.shared_reads import SharedReads
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier

__all__ = ["PreferenceLog", "pause_s"]

HEARTBEAT_S = 15.0
MAX_ROWS = 200  # in one message of the log: it takes 2 ms to make, and others wait that long
_MAX_SLICES = 32  # kept for followers who come after each other: 15 MB
_TURN_S = 20e-6  # a row, between two followers' messages: those who catch up take a third of the time at most
_PAUSE_S = 0.004  # between two messages, for each who follows, or up to twice that
_MAX_PAUSE_S = 1.024  # however many follow: what they see must not be much older than the log


class PreferenceLog:
    """Sends the log to those who follow it, and all of it for an export."""

    def __init__(
        self, database: Database, *, log_grew: Notifier | None = None, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        """Take the database, what tells of new rows, and how long a follower of a still log waits for a sign of life."""
        self._database = database
        self._heartbeat_s = heartbeat_s
        self._log_grew = log_grew or Notifier()
        self._slices: SharedReads[LogPage] = SharedReads(
            self._log_grew, is_final=_is_full, max_remembered=_MAX_SLICES
        )
        self._num_followers = 0
        self._turn = asyncio.Lock()

    async def watch(
        self, admission: Admission, run_id: str, *, cursor: int, is_complete: bool = False
    ) -> AsyncIterator[LogPage]:
        """Yield the log from a position on, for as long as it is asked; an empty page now and then, as a heartbeat.

        Where the run is in its life comes with each page, and in one of its own when that is not running at first, and
        when it changes.

        Raises:
            InvalidInputError: the log has no such position.
            NotFoundError: the run is unknown.
            UnauthenticatedError: the follower's token has ended meanwhile.
        """
        await self._check_cursor(run_id, cursor)
        self._num_followers += 1
        try:
            async for page in self._follow(admission, run_id, cursor, is_complete=is_complete):
                yield page
        finally:
            self._num_followers -= 1

    async def _follow(
        self, admission: Admission, run_id: str, cursor: int, *, is_complete: bool
    ) -> AsyncIterator[LogPage]:
        last_sent, told = time.monotonic(), RunState.RUNNING
        while True:
            change = self._log_grew.next
            page = await self._slices.get(
                (run_id, cursor, is_complete), partial(self._read, run_id, cursor, is_complete=is_complete)
            )
            await admission.check()
            cursor = page.cursor
            left_s = last_sent + self._heartbeat_s - time.monotonic()
            state = page.run_state or told
            if page.records or page.weight_changes or left_s <= 0 or state is not told:
                await self._take_turn(len(page.records))
                self._num_followers -= 1  # who reads nothing is still here, and nobody waits for it
                try:
                    yield page
                finally:
                    self._num_followers += 1
                last_sent, told = time.monotonic(), state
                await self._pause()
                continue
            await wait_or_poll(change, timeout_s=left_s)

    async def _take_turn(self, num_rows: int) -> None:
        """Lets other calls go on between two followers' messages, of which hundreds may be due at once."""
        async with self._turn:
            await asyncio.sleep(num_rows * _TURN_S)

    async def _pause(self) -> None:
        """Lets rows gather, the longer the more follow: hundreds must not cost hundreds of messages an answer.

        All wake at the same moments, with the same rows before them, and share a read.
        """
        period_s = pause_s(self._num_followers)
        await asyncio.sleep(period_s - time.monotonic() % period_s)

    async def export(self, run_id: str, *, is_complete: bool = False) -> AsyncIterator[LogPage]:
        """Gives the whole log as it is when asked.

        Raises:
            NotFoundError: the run is unknown.
        """
        end = await self._check_cursor(run_id, 0)
        cursor = 0
        while cursor < end:
            page = await self._read(run_id, cursor, is_complete=is_complete)
            cursor = page.cursor
            yield LogPage(
                records=[row for row in page.records if row.cursor <= end],
                weight_changes=[row for row in page.weight_changes if row.cursor <= end],
                cursor=min(cursor, end),
            )

    async def note_export(self, by: Labeler, run_id: str, form: str) -> None:
        """Puts an export into the audit log before it begins.

        Raises:
            NotFoundError: the run is unknown.
        """

        def note(connection: sa.Connection) -> None:
            newest = run_repository.newest_cursor(connection, run_id)
            audit_repository.add(
                connection, by, "ExportPreferences", run_id=run_id, what=f"{newest} rows", form=form
            )

        await self._database.write(note)

    async def _check_cursor(self, run_id: str, cursor: int) -> int:
        newest = await self._database.read(
            lambda connection: run_repository.newest_cursor(connection, run_id)
        )
        if not 0 <= cursor <= newest:
            raise InvalidInputError("cursor", cursor, f"0 to {newest}, the log's newest position")
        return newest

    async def _read(self, run_id: str, cursor: int, *, is_complete: bool) -> LogPage:
        return await self._database.read(
            lambda connection: log_repository.read_page(
                connection, run_id, cursor=cursor, count=MAX_ROWS, is_complete=is_complete
            )
        )


def _is_full(page: LogPage) -> bool:
    """Says whether a page holds all it can: what follows is for the next one, so it stays as it is."""
    return len(page.records) + len(page.weight_changes) >= MAX_ROWS


def pause_s(num_followers: int) -> float:
    """Gives the seconds between two messages to one follower when so many follow.

    A power of two of the shortest, so that all meet again even if some count one follower more than others.
    """
    return float(min(_PAUSE_S * 2 ** max(num_followers - 1, 0).bit_length(), _MAX_PAUSE_S))
