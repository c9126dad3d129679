"""Keeps the account of open queries in line with the labeler: what failed, what was skipped, what exceeds the budget."""

from __future__ import annotations

import structlog

from services.reward.labeler_client import LabelerClient
from services.reward.pacing.stall_timer import StallTimer
from services.reward.queries.tracker import QueryTracker

__all__ = ["QueryReconciler"]

_log = structlog.get_logger()

_MOST_AT_ONCE = 1000  # the labeler's bound on the withdrawals of one call


class QueryReconciler:
    """Compares the tracker with what the labeler holds. Used from one event loop.

    No query is withdrawn because it went unanswered: labelers may be at lunch, and its clips are stored. One that
    was skipped stays for other labelers, and another is asked beside it.
    """

    def __init__(self, tracker: QueryTracker, labeler: LabelerClient) -> None:
        """Reconcile ``tracker`` with the queries that ``labeler`` holds."""
        self._tracker = tracker
        self._labeler = labeler
        self._stall = StallTimer()

    def note_answer(self) -> None:
        """Record that something was answered."""
        self._stall.reset()

    async def reconcile(self, *, label_budget: int) -> None:
        """Withdraw what exceeds the budget and, if nothing was answered for a while, find out why."""
        await self._withdraw_surplus(label_budget)
        if self._tracker.num_unfilled and self._stall.has_expired():
            await self._look()

    async def _withdraw_surplus(self, label_budget: int) -> None:
        surplus = self._tracker.surplus(label_budget)[-_MOST_AT_ONCE:]
        if surplus:
            num_gone = self._tracker.drop(await self._labeler.withdraw(surplus))
            _log.info("surplus_withdrawn", num_queries=num_gone, label_budget=label_budget)

    async def _look(self) -> None:
        """Drop what failed or was withdrawn, and record what was skipped."""
        num_gone = self._tracker.drop(query.query_id for query in await self._labeler.list_gone())
        waiting = await self._labeler.list_open()
        num_skipped = self._tracker.skip(query.query_id for query in waiting if query.num_skips)
        if num_gone or num_skipped:
            self._stall.reset()
            _log.info(
                "queries_passed_over",
                num_gone=num_gone,
                num_skipped=num_skipped,
                num_open=self._tracker.num_open,
            )
        num_begun = self._tracker.num_unfilled - self._tracker.num_ready
        if num_begun > 0:
            _log.info("further_answers_awaited", num_queries=num_begun)
