"""Takes answers, and lets others follow them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial

import prometheus_client
import sqlalchemy as sa

from services.labeler.changes import wait_or_poll
from services.labeler.database import Database
from services.labeler.feedback import (
    answer_repository,
    log_repository,
    own_answer_repository,
    revision_repository,
)
from services.labeler.model import list_pages
from services.labeler.model.answers import OwnAnswer
from services.labeler.model.labelers import Labeler
from services.labeler.model.preference_log import LogPage
from services.labeler.model.run_state import RunState
from services.labeler.oversight import audit_repository
from services.labeler.people.admission import Admission
from services.labeler.runs import run_repository
from services.labeler.shared_reads import SharedReads
from somersault.domain.feedback import Preference
from somersault.domain.preference_log import PreferenceRecord
from somersault.domain.texts import check_name
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier

__all__ = ["Answering", "pause_s"]

HEARTBEAT_S = 15.0
MAX_ROWS = 200  # in one message of the log: it takes 2 ms to make, and others wait that long
_MAX_PAGES = 32  # kept for followers who come after each other: 15 MB
_TURN_S = 20e-6  # a row, between two followers' messages: those who catch up take a third of the time at most
_MAX_RESPONSE_MS = 24 * 3_600_000
_MIN_REVISION = 2
_PAUSE_S = 0.004  # between two messages, for each who follows, or up to twice that
_MAX_PAUSE_S = 1.024  # however many follow: what they see must not be much older than the log

_ANSWERS = prometheus_client.Counter(
    "somersault_labeler_answers_total",
    "Answers committed, by the labeler's role, the preference, and whether it came too late to count.",
    ["role", "preference", "is_extra"],
)
_GOLD = prometheus_client.Counter(
    "somersault_labeler_gold_answers_total",
    "Gold answers committed, by where the known answer came from and whether it was given.",
    ["kind", "is_right"],
)
_REVISIONS = prometheus_client.Counter(
    "somersault_labeler_revisions_total", "Answers changed, by the labeler's role.", ["role"]
)
_ANSWER_SECONDS = prometheus_client.Histogram(
    "somersault_labeler_answer_seconds",
    "Seconds from a pair's appearance to the answer, as labelers say, by role.",
    ["role"],
    buckets=(0.01, 0.1, 0.5, 1, 2, 3, 5, 8, 15, 30, 60),
)


class Answering:
    """Takes answers and their changes, and sends the log of them."""

    def __init__(
        self, database: Database, *, log_grew: Notifier | None = None, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        """Takes the database, what tells of new rows, and how long a follower of a still log waits for a sign of life."""
        self._database = database
        self._heartbeat_s = heartbeat_s
        self._log_grew = log_grew or Notifier()
        self._pages: SharedReads[LogPage] = SharedReads(
            self._log_grew, is_final=_is_full, max_remembered=_MAX_PAGES
        )
        self._num_followers = 0
        self._turn = asyncio.Lock()

    async def submit(
        self,
        labeler: Labeler,
        *,
        lease_token: str,
        answer_id: str,
        preference: Preference,
        response_ms: int,
    ) -> PreferenceRecord:
        """Answers a leased query; on disk when this returns, counted once however often it is called.

        Raises:
            InvalidInputError: the answer's name is not a name, or the time is out of bounds.
            FailedPreconditionError: there is no such lease, or it was used up.
            AlreadyExistsError: the answer's name was used for something else.
        """
        check_name("answer_id", answer_id)
        if not 0 <= response_ms <= _MAX_RESPONSE_MS:
            raise InvalidInputError("response_ms", response_ms, f"0 to {_MAX_RESPONSE_MS}")
        record = await self._database.write(
            lambda connection: answer_repository.submit(
                connection,
                labeler,
                lease_token=lease_token,
                answer_id=answer_id,
                preference=preference,
                response_ms=response_ms,
            )
        )
        role = labeler.role.value
        _ANSWERS.labels(role, preference.value, str(record.is_extra).lower()).inc()
        if record.is_gold:
            _GOLD.labels(record.gold_kind, str(record.is_right).lower()).inc()
        if response_ms:
            _ANSWER_SECONDS.labels(role).observe(response_ms / 1000)
        self._log_grew.notify()
        return record

    async def revise(
        self, labeler: Labeler, *, answer_id: str, version: int, preference: Preference
    ) -> PreferenceRecord:
        """Changes one of the labeler's newest answers.

        Raises:
            InvalidInputError: the version does not follow the newest.
            NotFoundError: the labeler has no such answer.
            FailedPreconditionError: the answer is too old.
            AlreadyExistsError: that version says something else.
        """
        check_name("answer_id", answer_id)
        if version < _MIN_REVISION:
            raise InvalidInputError("version", version, f"at least {_MIN_REVISION}")
        record = await self._database.write(
            lambda connection: revision_repository.revise(
                connection, labeler, answer_id=answer_id, version=version, preference=preference
            )
        )
        _REVISIONS.labels(labeler.role.value).inc()
        self._log_grew.notify()
        return record

    async def list_own(
        self, labeler: Labeler, run_id: str, *, page_size: int, page_token: str
    ) -> tuple[list[OwnAnswer], str]:
        """Return a page of a labeler's answers in a run, newest first, and the token of the next one.

        Raises:
            InvalidInputError: the size is out of bounds, or the token none of ours.
            NotFoundError: the run is unknown.
        """
        size, before = list_pages.screen_size(page_size), list_pages.start(page_token)
        found, following = await self._database.read(
            lambda connection: own_answer_repository.list_newest(
                connection, labeler, run_id, before_number=before, page_size=size
            )
        )
        return found, "" if following is None else str(following)

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
            page = await self._pages.get(
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
