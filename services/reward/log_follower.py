"""Follows the preference log: answers are recorded with their queries, and rows to learn wait in the backlog."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from services.reward.feedback.backlog import Backlog
from services.reward.feedback.preference_log import Answer, LogPosition, LogRow
from services.reward.labeler_client import LabelerClient
from services.reward.queries.reconciler import QueryReconciler
from services.reward.queries.tracker import QueryTracker
from services.reward.training.reward_learner import RewardLearner
from somersault.runtime.failpoints import failpoint

__all__ = ["LogFollower"]


class LogFollower:
    """Reads the log, first up to its end and then as it grows. Used from one event loop."""

    def __init__(
        self,
        *,
        labeler: LabelerClient,
        learner: RewardLearner,
        tracker: QueryTracker,
        reconciler: QueryReconciler,
    ) -> None:
        """Read the log of ``labeler``; everything else is told of its rows."""
        self._labeler = labeler
        self._learner = learner
        self._tracker = tracker
        self._reconciler = reconciler
        self.backlog = Backlog()
        self._newest = LogPosition()

    async def catch_up(self, *, until: int) -> None:
        """Read the log as it stands: rows learned before a restart are restored, later ones wait in the backlog.

        If the log isn't any more the one that was learned, since its database was put back to an earlier state, the
        reward model is learned again from what the log is now.
        """
        learned = self._learner.position
        has_gone_back = learned.cursor > until
        async for row in self._rows(until=until):
            has_gone_back |= row.cursor == learned.cursor and not learned.is_at(row)
            if row.cursor <= learned.cursor or has_gone_back:
                await self._restore(row)
            else:
                self._take(row)
        if has_gone_back:
            await self._learner.relearn(self._newest)

    async def follow(self, *, on_rows: Callable[[], None]) -> None:
        """Take new rows as they are committed, without end; call ``on_rows`` after each batch.

        Raises:
            LogWentBackError: the log isn't any more what was read of it; a restart, and `catch_up`, put that right.
        """
        async for rows in self._labeler.watch(self._newest):
            failpoint("reward.rows.received")
            for row in rows:
                self._take(row)
            on_rows()

    async def _rows(self, *, until: int) -> AsyncIterator[LogRow]:
        """Yield the log's rows from its beginning, at least up to a position."""
        if until == 0:
            return
        async with contextlib.aclosing(self._labeler.watch(LogPosition())) as log:
            async for rows in log:
                for row in rows:
                    yield row
                if rows[-1].cursor >= until:
                    return

    async def _restore(self, row: LogRow) -> None:
        self._newest = LogPosition.of(row)
        if isinstance(row, Answer):
            self._tracker.note_answer(row)
        await self._learner.restore_row(row)

    def _take(self, row: LogRow) -> None:
        self._newest = LogPosition.of(row)
        self._reconciler.note_answer()
        if isinstance(row, Answer):
            if row.is_extra:  # it teaches nothing
                return
            self._tracker.note_answer(row)
            row = replace(row, is_given=self._tracker.is_given(row.query_id))
        self.backlog.add(row)
