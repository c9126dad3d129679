"""A small labeler service: queries, clips, leases' rules, answers, the log, and what the owner wants. It never forgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from services.reward.feedback.preference_log import Answer, LogPosition, LogRow
from services.reward.monitoring.progress_report import ProgressReport, RunControls
from services.reward.queries.proposals import KnownQuery, Proposal
from somersault.domain.feedback import Preference

__all__ = ["LabelerModel", "QueryModel"]

_DRAWING_S = 1.0


@dataclass
class QueryModel:
    """A query as the labeler holds it."""

    query_id: str
    proposal: Proposal
    target_answers: int
    state: str = "rendering"
    answered_by: set[str] = field(default_factory=set)
    skipped_by: set[str] = field(default_factory=set)

    @property
    def segment_ids(self) -> frozenset[str]:
        """Both segments."""
        return frozenset((self.proposal.first.segment_id, self.proposal.second.segment_id))

    @property
    def is_open(self) -> bool:
        """Whether it may still be answered."""
        return self.state in ("rendering", "ready")


class LabelerModel:
    """What the reward service calls, and what labelers and owners do."""

    def __init__(self) -> None:
        self.queries: dict[str, QueryModel] = {}
        self.log: list[LogRow] = []
        self.controls = RunControls()
        self.target_answers = 1
        self.undrawable: set[str] = set()
        self.num_to_fail = 0
        self.withdrawn_in_want: list[str] = []
        """Queries withdrawn though the budget was not used up by others: there must be none."""
        self.reports: list[ProgressReport] = []
        self.num_drawing = 0
        """Simulators that could draw."""
        self.default_budget = 0
        self.heard_budget = 0
        """As the reward service knows it."""
        self._told_gone: set[str] = set()
        self._is_back = asyncio.Event()
        self._is_back.set()
        self._grown = asyncio.Event()

    # What the owner sees.

    @property
    def budget(self) -> int:
        """Labels that the run may use."""
        return self.controls.label_budget or self.default_budget

    @property
    def num_answered(self) -> int:
        """Queries with an answer."""
        return sum(1 for query in self.queries.values() if query.answered_by)

    # The service's life.

    def go_away(self) -> None:
        """Answer no call until it is back."""
        self._is_back.clear()

    def come_back(self) -> None:
        """Answer what was asked meanwhile."""
        self._is_back.set()

    @property
    def is_away(self) -> bool:
        """Whether it is away."""
        return not self._is_back.is_set()

    async def draw(self) -> None:
        """Draw clips for as long as it runs: a second each look, none while no simulator is there."""
        while True:
            await asyncio.sleep(_DRAWING_S)
            if self.is_away or not self.num_drawing:
                continue
            for query in self.queries.values():
                if query.state == "rendering":
                    self._draw(query)

    def _draw(self, query: QueryModel) -> None:
        if self.num_to_fail and not query.segment_ids & self.undrawable:
            self.num_to_fail -= 1
            self.undrawable.add(min(query.segment_ids))
        query.state = "failed" if query.segment_ids & self.undrawable else "ready"

    # What labelers do.

    def offered(self, labeler_id: str) -> list[QueryModel]:
        """Give what a labeler may lease, oldest first."""
        if self.is_away or self.controls.is_paused:
            return []
        return [
            query
            for query in self.queries.values()
            if query.state == "ready" and labeler_id not in query.answered_by | query.skipped_by
        ]

    def answer(self, labeler_id: str, query: QueryModel, preference: Preference) -> None:
        """Commit an answer."""
        query.answered_by.add(labeler_id)
        is_filled = len(query.answered_by) >= query.target_answers
        if is_filled:
            query.state = "answered"
        self.log.append(
            Answer(
                cursor=len(self.log) + 1,
                query_id=query.query_id,
                answer_id=f"{query.query_id}-{labeler_id}",
                version=1,
                preference=preference,
                left=query.proposal.first,
                right=query.proposal.second,
                labeler_id=labeler_id,
                is_extra=False,
                fills_query=is_filled,
            )
        )
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    # What the reward service calls.

    async def propose(self, proposals: Sequence[Proposal]) -> list[str]:
        """Take proposals, idempotent by name."""
        await self._is_back.wait()
        for proposal in proposals:
            name = proposal.proposal_id
            query = self.queries.setdefault(name, QueryModel(name, proposal, self.target_answers))
            if query.state == "rendering" and query.segment_ids & self.undrawable:
                query.state = "failed"
        return [proposal.proposal_id for proposal in proposals]

    async def withdraw(self, query_ids: Sequence[str]) -> list[str]:
        """Take back those without an answer."""
        budget = self.heard_budget  # when it was decided
        await self._is_back.wait()
        gone = [query_id for query_id in query_ids if not self.queries[query_id].answered_by]
        for query_id in gone:
            self.queries[query_id].state = "withdrawn"
        kept = sum(
            query.is_open or bool(query.answered_by) or self._has_failed_unheard(query)
            for query in self.queries.values()
        )
        if max(kept, self.num_answered) < budget:
            self.withdrawn_in_want += gone
        return gone

    async def list_queries(self) -> list[KnownQuery]:
        """List all."""
        return await self._list("rendering", "ready", "answered", "withdrawn", "failed")

    async def list_open(self) -> list[KnownQuery]:
        """List those that wait."""
        return await self._list("rendering", "ready")

    async def list_gone(self) -> list[KnownQuery]:
        """List those that can no longer be answered."""
        gone = await self._list("withdrawn", "failed")
        self._told_gone |= {query.query_id for query in gone}
        return gone

    def _has_failed_unheard(self, query: QueryModel) -> bool:
        """Tell whether the reward service must still count on a query that failed."""
        return query.state == "failed" and query.query_id not in self._told_gone

    async def _list(self, *states: str) -> list[KnownQuery]:
        await self._is_back.wait()
        return [
            KnownQuery(
                query_id=query.query_id,
                is_open=query.is_open,
                segment_ids=query.segment_ids,
                num_skips=len(query.skipped_by),
            )
            for query in self.queries.values()
            if query.state in states
        ]

    async def newest_cursor(self) -> int:
        """Give the log's end."""
        await self._is_back.wait()
        return len(self.log)

    async def watch(self, after: LogPosition) -> AsyncGenerator[list[LogRow], None]:
        """Follow the log."""
        while True:
            await self._is_back.wait()
            grown = self._grown
            if len(self.log) > after.cursor:
                rows = self.log[after.cursor :]
                after = LogPosition.of(rows[-1])
                yield rows
            else:
                await grown.wait()

    async def report_progress(self, report: ProgressReport) -> RunControls:
        """Take a point."""
        self.reports.append(report)
        return await self.get_controls()

    async def get_controls(self) -> RunControls:
        """Say what the owner wants."""
        await self._is_back.wait()
        self.heard_budget = self.budget
        return self.controls

    wait_for_controls = get_controls
