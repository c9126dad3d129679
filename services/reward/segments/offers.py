"""The segments that simulators offer: admitted to the pool in rollout order, and put into object storage on demand."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from services.reward.segments.pool import SegmentPool
from somersault.domain.trajectory import Segment, StoredSegment
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier, wait_for_change

__all__ = ["Demand", "OfferSession", "Offers"]

_log = structlog.get_logger()

STORE_TIMEOUT_S = 30.0
"""How long a simulator may take to store segments before they count as lost."""

_MAX_DEMANDED = 256
"""Segments of one demand, as the protocol says; a simulator ends at one that asks for more."""

OFFER_TIMEOUT_S = 30.0
"""In lockstep, how long to wait for a rollout's offer while its simulator is connected."""

ABSENCE_TIMEOUT_S = 5.0
"""In lockstep, how long to wait for a simulator that is not connected: it may be about to connect, or dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Asks a simulator to put segments into object storage."""

    demand_id: int
    segment_ids: tuple[str, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class OfferSession:
    """One connected simulator."""

    incarnation: str
    outbox: asyncio.Queue[Demand] = field(default_factory=asyncio.Queue)
    waiting: deque[tuple[int, Sequence[Segment]]] = field(default_factory=deque)
    """Offers (rollout sequence, segments) that are not in the pool yet."""
    newest_sequence: int = -1
    """The newest rollout whose segments were offered."""
    demands: dict[int, asyncio.Future[list[StoredSegment]]] = field(default_factory=dict)
    """Demands that the simulator has not answered, by number."""

    @property
    def num_waiting(self) -> int:
        """Segments that wait to be admitted."""
        return sum(len(segments) for _, segments in self.waiting)


class Offers:
    """Owns the connected simulators and the pool. Used from one event loop."""

    def __init__(self, pool: SegmentPool, *, capacity: int) -> None:
        """Start without a simulator.

        Args:
            pool: where admitted segments go.
            capacity: the pool's capacity; also bounds the segments that wait, over all simulators, and the ids remembered.
        """
        self._pool = pool
        self._capacity = capacity
        self._sessions: dict[str, OfferSession] = {}
        self._owners: OrderedDict[str, str] = OrderedDict()
        """segment_id to incarnation, for the segments in the pool, oldest first."""
        self._demand_ids = itertools.count(1)
        self.changed = Notifier()
        """Notifies whenever something was offered or a simulator joined or left."""

    def join(self, incarnation: str) -> OfferSession:
        """Open a simulator's session. One that reconnects replaces the session of its lost connection."""
        session = OfferSession(incarnation=incarnation)
        self._sessions[incarnation] = session
        self.changed.notify()
        return session

    def leave(self, session: OfferSession) -> None:
        """Close a session; whatever was demanded over it counts as lost."""
        for future in session.demands.values():
            if not future.done():
                future.set_result([])
        if self._sessions.get(session.incarnation) is session:
            del self._sessions[session.incarnation]
        self.changed.notify()

    def offer(self, session: OfferSession, sequence: int, segments: Sequence[Segment]) -> None:
        """Queue one rollout's segments, except those already in the pool.

        If more wait than the pool could hold, the oldest offer of the simulator with the most is dropped.
        """
        new = [segment for segment in segments if segment.segment_id not in self._owners]
        session.waiting.append((sequence, new))
        session.newest_sequence = max(session.newest_sequence, sequence)
        while sum(each.num_waiting for each in self._sessions.values()) > self._capacity:
            max(self._sessions.values(), key=lambda each: each.num_waiting).waiting.popleft()
        self.changed.notify()

    def stored(self, session: OfferSession, demand_id: int, stored: Sequence[StoredSegment]) -> None:
        """Resolve a demand with the segments that the simulator has stored.

        Raises:
            InvalidInputError: no demand of that number is open.
        """
        future = session.demands.pop(demand_id, None)
        if future is None:
            # It passes: a new stream begins without demands.
            raise InvalidInputError("stored.demand_id", demand_id, "the number of an open demand").again()
        if not future.done():
            future.set_result(list(stored))

    def admit(self, newest_sequences: Mapping[str, int] | None) -> None:
        """Move offers into the pool in rollout order.

        Args:
            newest_sequences: the newest rollout that the learner has taken, by incarnation. Nothing newer is admitted, so
                that the pool is a function of the learner's step. None admits everything.
        """
        for session in self._sessions.values():
            limit = None if newest_sequences is None else newest_sequences.get(session.incarnation, -1)
            while session.waiting and (limit is None or session.waiting[0][0] <= limit):
                for segment in session.waiting.popleft()[1]:
                    self._admit_one(segment, session.incarnation)

    async def wait_for(self, newest_sequences: Mapping[str, int]) -> None:
        """Wait until each simulator has offered its rollouts up to the one given, by incarnation.

        This includes simulators that are not connected: at the start a rollout may reach the learner before its
        simulator's first offer gets here, and what is asked must not depend on which was faster.
        """
        clock = asyncio.get_running_loop()
        started_s = clock.time()
        while True:
            change = self.changed.next
            missing = [
                each for each in newest_sequences if not self._has_offered(each, newest_sequences[each])
            ]
            if not missing:
                return
            is_absent = not any(name in self._sessions for name in missing)
            timeout_s = ABSENCE_TIMEOUT_S if is_absent else OFFER_TIMEOUT_S
            left_s = started_s + timeout_s - clock.time()
            if left_s <= 0:
                _log.warning("offer_missing", incarnations=missing, timeout_s=timeout_s)
                return
            await wait_for_change(change, timeout_s=left_s)

    @property
    def num_available(self) -> int:
        """Segments of the pool that a connected simulator can still store."""
        return len(self.available_indices())

    def enough(self, num_segments: int) -> int:
        """Return ``num_segments``, or as many as the pool can hold if that is fewer."""
        return min(num_segments, self._capacity)

    def available_indices(self) -> list[int]:
        """Return the pool indices of the segments that a connected simulator can still store."""
        return [
            index
            for index, segment_id in enumerate(self._pool.segment_ids)
            if self._owners.get(segment_id) in self._sessions
        ]

    async def store(self, segment_ids: Sequence[str]) -> dict[str, StoredSegment]:
        """Have segments put into object storage and return those that now are, by id."""
        by_session: dict[str, list[str]] = {}
        for segment_id in segment_ids:
            by_session.setdefault(self._owners.get(segment_id, ""), []).append(segment_id)
        answers = await asyncio.gather(
            *(
                self._demand_all(self._sessions[incarnation], ids)
                for incarnation, ids in by_session.items()
                if incarnation in self._sessions
            )
        )
        return {stored.segment_id: stored for answer in answers for stored in answer}

    async def _demand_all(self, session: OfferSession, segment_ids: Sequence[str]) -> list[StoredSegment]:
        """Demand as many at a time as a simulator takes, until it has left."""
        stored: list[StoredSegment] = []
        for begin in range(0, len(segment_ids), _MAX_DEMANDED):
            if self._sessions.get(session.incarnation) is session:
                stored += await self._demand(session, segment_ids[begin : begin + _MAX_DEMANDED])
        return stored

    async def _demand(self, session: OfferSession, segment_ids: Sequence[str]) -> list[StoredSegment]:
        demand = Demand(demand_id=next(self._demand_ids), segment_ids=tuple(segment_ids))
        future: asyncio.Future[list[StoredSegment]] = asyncio.get_running_loop().create_future()
        session.demands[demand.demand_id] = future
        session.outbox.put_nowait(demand)
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                return await future
        except TimeoutError:
            _log.warning("segments_not_stored", incarnation=session.incarnation, timeout_s=STORE_TIMEOUT_S)
            return []

    def _admit_one(self, segment: Segment, incarnation: str) -> None:
        if segment.segment_id in self._owners:
            return
        self._pool.add(segment.segment_id, segment.observations, segment.actions)
        self._owners[segment.segment_id] = incarnation
        if len(self._owners) > self._capacity:
            self._owners.popitem(last=False)

    def _has_offered(self, incarnation: str, sequence: int) -> bool:
        session = self._sessions.get(incarnation)
        return session is not None and session.newest_sequence >= sequence
