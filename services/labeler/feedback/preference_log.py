"""The preference log as others follow it: each row once, in order, and the run's state."""

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
from services.labeler.model.preference_log import LogSlice
from services.labeler.model.run_state import RunState
from services.labeler.oversight import audit_repository
from services.labeler.people.admission import Admission
from services.labeler.runs import run_repository
from services.labeler.shared_reads import SharedReads
from somersault.domain.preference_log import MAX_COMMIT_ID
from somersault.domain.texts import check_text
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier

__all__ = ["PreferenceLog", "pause_s"]

HEARTBEAT_S = 15.0
MAX_ROWS = 200  # in one message, which takes 2 ms to make while others wait
_MAX_SLICES = 32  # cached for followers behind one another: 15 MB
_TURN_S = (
    20e-6  # per row between two followers' messages, so that catching up takes at most a third of the time
)
_PAUSE_S = 0.004  # between two messages, per follower, or up to twice that
_MAX_PAUSE_S = 1.024  # however many follow, so that nobody is far behind the log


class PreferenceLog:
    """Streams the log to followers, and all of it for an export."""

    def __init__(
        self, database: Database, *, log_grew: Notifier | None = None, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        """Take the database, what notifies of new rows, and how often a follower of an idle log hears from it."""
        self._database = database
        self._heartbeat_s = heartbeat_s
        self._log_grew = log_grew or Notifier()
        self._slices: SharedReads[LogSlice] = SharedReads(
            self._log_grew, is_final=_is_full, max_remembered=_MAX_SLICES
        )
        self._num_followers = 0
        self._turn = asyncio.Lock()

    async def watch(
        self,
        admission: Admission,
        run_id: str,
        *,
        cursor: int,
        commit_id: str = "",
        is_complete: bool = False,
    ) -> AsyncIterator[LogSlice]:
        """Yield the log from a position on, without end, with an empty slice now and then as a heartbeat.

        Each slice has the run's state. One of its own comes first if the run isn't running, and whenever the state
        changes.

        Raises:
            InvalidInputError: the log has no such position, and no ``commit_id`` says that it once had.
            NotFoundError: the run is unknown.
            LogWentBackError: the log isn't any more what the follower has of it.
            UnauthenticatedError: the follower's token was revoked.
        """
        check_text("commit_id", commit_id, most=MAX_COMMIT_ID)
        newest = await self._newest_cursor(run_id)
        if cursor < 0 or (cursor > newest and not commit_id):
            raise InvalidInputError("cursor", cursor, f"0 to {newest}, the newest position of the log")
        self._num_followers += 1
        try:
            async for log_slice in self._follow(
                admission, run_id, cursor, commit_id, is_complete=is_complete
            ):
                yield log_slice
        finally:
            self._num_followers -= 1

    async def _follow(
        self, admission: Admission, run_id: str, cursor: int, commit_id: str, *, is_complete: bool
    ) -> AsyncIterator[LogSlice]:
        last_sent, last_state = time.monotonic(), RunState.RUNNING
        while True:
            change = self._log_grew.next
            log_slice = await self._slices.get(
                (run_id, cursor, commit_id, is_complete),
                partial(self._read, run_id, cursor, commit_id, is_complete=is_complete),
            )
            await admission.check()
            cursor, commit_id = log_slice.cursor, log_slice.commit_id
            left_s = last_sent + self._heartbeat_s - time.monotonic()
            state = log_slice.run_state or last_state
            if log_slice.records or log_slice.weight_changes or left_s <= 0 or state is not last_state:
                await self._take_turn(len(log_slice.records))
                self._num_followers -= 1  # one that doesn't read stays connected, but isn't waited for
                try:
                    yield log_slice
                finally:
                    self._num_followers += 1
                last_sent, last_state = time.monotonic(), state
                await self._pause()
                continue
            await wait_or_poll(change, timeout_s=left_s)

    async def _take_turn(self, num_rows: int) -> None:
        """Let other calls run between followers' messages, hundreds of which may be due at once."""
        async with self._turn:
            await asyncio.sleep(num_rows * _TURN_S)

    async def _pause(self) -> None:
        """Let rows accumulate, longer the more follow, so that hundreds don't cost hundreds of messages per answer.

        All wake at the same moments, with the same rows to read, and share one read.
        """
        period_s = pause_s(self._num_followers)
        await asyncio.sleep(period_s - time.monotonic() % period_s)

    async def export(self, run_id: str, *, is_complete: bool = False) -> AsyncIterator[LogSlice]:
        """Yield the whole log as it is at the call.

        Raises:
            NotFoundError: the run is unknown.
            LogWentBackError: a backup was restored meanwhile.
        """
        end = await self._newest_cursor(run_id)
        cursor, commit_id = 0, ""
        while cursor < end:
            log_slice = await self._read(run_id, cursor, commit_id, is_complete=is_complete)
            cursor, commit_id = log_slice.cursor, log_slice.commit_id
            yield LogSlice(
                records=[row for row in log_slice.records if row.cursor <= end],
                weight_changes=[row for row in log_slice.weight_changes if row.cursor <= end],
                cursor=min(cursor, end),
                commit_id=commit_id,
            )

    async def note_export(self, by: Labeler, run_id: str, form: str) -> None:
        """Add an export to the audit log before it begins.

        Raises:
            NotFoundError: the run is unknown.
        """

        def note(connection: sa.Connection) -> None:
            newest = run_repository.newest_cursor(connection, run_id)
            audit_repository.add(
                connection, by, "ExportPreferences", run_id=run_id, what=f"{newest} rows", form=form
            )

        await self._database.write(note)

    async def _newest_cursor(self, run_id: str) -> int:
        return await self._database.read(lambda connection: run_repository.newest_cursor(connection, run_id))

    async def _read(self, run_id: str, cursor: int, commit_id: str, *, is_complete: bool) -> LogSlice:
        return await self._database.read(
            lambda connection: log_repository.read_slice(
                connection,
                run_id,
                cursor=cursor,
                commit_id=commit_id,
                count=MAX_ROWS,
                is_complete=is_complete,
            )
        )


def _is_full(log_slice: LogSlice) -> bool:
    """Return whether a slice is full: later rows go to the next one, so it never becomes stale."""
    return len(log_slice.records) + len(log_slice.weight_changes) >= MAX_ROWS


def pause_s(num_followers: int) -> float:
    """Return the seconds between two messages to one follower when so many follow.

    The shortest times a power of two, so that all meet again even if some count one follower more than others.
    """
    return float(min(_PAUSE_S * 2 ** max(num_followers - 1, 0).bit_length(), _MAX_PAUSE_S))
