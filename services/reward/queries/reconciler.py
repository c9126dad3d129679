"""Keeping the account of open queries true: what failed, what was skipped, what is too many for the budget."""

from __future__ import annotations

import structlog

from services.reward.labeler_client import LabelerClient
from services.reward.pacing.stall_timer import Stall
from services.reward.queries.tracker import Ledger

__all__ = ["Upkeep"]

_log = structlog.get_logger()

_MOST_AT_ONCE = 1000  # withdrawn in one call, as the labeler says


class Upkeep:
    """Compares the ledger with what the labeler holds. Used from one event loop.

    No query is withdrawn because nobody answered it: whoever labels may be at lunch, and its clips are stored. One that
    somebody skipped stays for others, and another is asked beside it.
    """

    def __init__(self, ledger: Ledger, labeler: LabelerClient) -> None:
        """Take the account and whose queries it is of."""
        self._ledger = ledger
        self._labeler = labeler
        self._stall = Stall()

    def note_answer(self) -> None:
        """Hear that something was answered."""
        self._stall.end()

    async def tidy(self, *, label_budget: int) -> None:
        """Withdraw what is too many, and if nothing was answered for a while, look why."""
        await self._withdraw_surplus(label_budget)
        if self._ledger.num_unfilled and self._stall.is_over():
            await self._look()

    async def _withdraw_surplus(self, label_budget: int) -> None:
        surplus = self._ledger.surplus(label_budget)[-_MOST_AT_ONCE:]
        if surplus:
            num_gone = self._ledger.drop(await self._labeler.withdraw(surplus))
            _log.info("surplus_withdrawn", num_queries=num_gone, label_budget=label_budget)

    async def _look(self) -> None:
        """Drop what failed or was withdrawn, and note what was skipped."""
        num_gone = self._ledger.drop(query.query_id for query in await self._labeler.list_gone())
        waiting = await self._labeler.list_open()
        num_skipped = self._ledger.skip(query.query_id for query in waiting if query.num_skips)
        if num_gone or num_skipped:
            self._stall.end()
            _log.info(
                "queries_passed_over",
                num_gone=num_gone,
                num_skipped=num_skipped,
                num_open=self._ledger.num_open,
            )
        num_begun = self._ledger.num_unfilled - self._ledger.num_ready
        if num_begun > 0:
            _log.info("further_answers_awaited", num_queries=num_begun)
