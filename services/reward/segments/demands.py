"""Has simulators put segments into object storage, and waits no longer than it must for those that don't."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Collection, Sequence

import structlog

from services.reward.segments.holdings import Holdings
from services.reward.segments.session import Demand, OfferSession, OpenDemand
from somersault.domain.trajectory import StoredSegment
from somersault.errors import InvalidInputError

__all__ = ["Demands"]

_log = structlog.get_logger()

STORE_TIMEOUT_S = 30.0
"""How long a simulator may take to store segments before they count as lost."""

NEWCOMER_TIMEOUT_S = 5.0
"""The same for one that has not stored anything yet, where others have: it loses nothing but this query, as soon as it answers."""

_MAX_DEMANDED = 256
"""Segments of one demand, as the protocol says; a simulator ends at one that asks for more."""


class Demands:
    """Owns the demands that are not answered. Used from one event loop."""

    def __init__(self, holdings: Holdings, sessions: Collection[OfferSession]) -> None:
        """Ask whoever holds a segment, of ``sessions``, those connected."""
        self._holdings = holdings
        self._sessions = sessions
        self._numbers = itertools.count(1)
        self._asking: set[asyncio.Task[Sequence[StoredSegment]]] = set()

    async def store(self, segment_ids: Sequence[str]) -> dict[str, StoredSegment]:
        """Have segments put into object storage and return those that now are, by id.

        All that hold a segment are asked. As soon as one has stored it, nobody else is waited for.
        """
        asked: dict[OfferSession, list[str]] = {}
        for segment_id in dict.fromkeys(segment_ids):
            for session in self._holdings.holders(segment_id):
                asked.setdefault(session, []).append(segment_id)
        pending = {self._begin(session, ids) for session, ids in asked.items()}
        stored: dict[str, StoredSegment] = {}
        while pending and len(stored) < len(set(segment_ids)):
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                stored |= {each.segment_id: each for each in task.result()}
        return stored

    def answer(self, session: OfferSession, demand_id: int, stored: Sequence[StoredSegment]) -> None:
        """Resolve a demand with the segments that the simulator has stored; late, it shows at least that it is there.

        Raises:
            InvalidInputError: no demand of that number is open, or it didn't ask for one of the segments.
        """
        demand = session.demands.get(demand_id)
        # Both pass: a new stream begins without demands.
        if demand is None:
            raise InvalidInputError("stored.demand_id", demand_id, "the number of an open demand").again()
        named = [each.segment_id for each in stored]
        wrong = [name for name in named if name not in demand.segment_ids or named.count(name) > 1]
        if wrong:
            bound = "one of those demanded, each once"
            raise InvalidInputError("stored.segments.segment_id", wrong[0], bound).again()
        del session.demands[demand_id]
        session.has_stored, session.is_overdue = True, False
        if not demand.answer.done():
            demand.answer.set_result(stored)

    def forget(self, session: OfferSession) -> None:
        """Count as lost whatever was demanded of a simulator that is gone."""
        for demand in session.demands.values():
            if not demand.answer.done():
                demand.answer.set_result(())

    def _begin(
        self, session: OfferSession, segment_ids: Sequence[str]
    ) -> asyncio.Task[Sequence[StoredSegment]]:
        task = asyncio.create_task(self._demand_all(session, segment_ids))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task

    async def _demand_all(self, session: OfferSession, segment_ids: Sequence[str]) -> Sequence[StoredSegment]:
        """Demand as many at a time as a simulator takes, until it has left or owes an answer for too long."""
        stored: list[StoredSegment] = []
        for begin in range(0, len(segment_ids), _MAX_DEMANDED):
            if session in self._sessions and not session.is_overdue:
                stored += await self._demand(session, segment_ids[begin : begin + _MAX_DEMANDED])
        return stored

    async def _demand(self, session: OfferSession, segment_ids: Sequence[str]) -> Sequence[StoredSegment]:
        demand = Demand(demand_id=next(self._numbers), segment_ids=tuple(segment_ids))
        answer: asyncio.Future[Sequence[StoredSegment]] = asyncio.get_running_loop().create_future()
        session.demands[demand.demand_id] = OpenDemand(segment_ids=frozenset(segment_ids), answer=answer)
        session.outbox.put_nowait(demand)
        timeout_s = self._patience_s(session)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            session.has_stored, session.is_overdue = False, True
            _log.warning("segments_not_stored", incarnation=session.incarnation, timeout_s=timeout_s)
            return ()

    def _patience_s(self, session: OfferSession) -> float:
        others_have = any(each.has_stored for each in self._sessions)
        return NEWCOMER_TIMEOUT_S if others_have and not session.has_stored else STORE_TIMEOUT_S
