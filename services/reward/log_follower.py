"""Follows the preference log: answers are recorded with their queries, and rows to learn wait in the backlog."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

from services.reward.feedback.backlog import Backlog
from services.reward.feedback.preference_log import Answer, LogRow
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

    async def catch_up(self, *, until: int) -> None:
        """Read the log as it stands: rows learned before a restart are restored, later ones wait in the backlog."""
        learned = self._learner.cursor
        if until == 0:
            return
        async with contextlib.aclosing(self._labeler.watch(0)) as log:
            async for rows in log:
                for row in rows:
                    if row.cursor > learned:
                        self._take(row)
                        continue
                    if isinstance(row, Answer):
                        self._tracker.note_answer(row)
                    await self._learner.restore_row(row)
                if rows[-1].cursor >= until:
                    return

    async def follow(self, *, on_rows: Callable[[], None]) -> None:
        """Take new rows as they are committed, without end; call ``on_rows`` after each batch."""
        newest = max(self._learner.cursor, self.backlog.newest_cursor)
        async for rows in self._labeler.watch(newest):
            failpoint("reward.rows.received")
            for row in rows:
                self._take(row)
            on_rows()

    def _take(self, row: LogRow) -> None:
        self._reconciler.note_answer()
        if isinstance(row, Answer):
            if row.is_extra:  # it teaches nothing
                return
            self._tracker.note_answer(row)
            row = replace(row, is_given=self._tracker.is_given(row.query_id))
        self.backlog.add(row)
