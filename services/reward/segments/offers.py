"""The segments that simulators offer: admitted to the pool in rollout order, and put into object storage on demand.

No simulator keeps queries from the others. Each has its share of the pool (`holdings`); one that doesn't store what it is
asked for is paid for once (`demands`), and every other choice is made among those that have stored something.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from services.reward.pacing.gathered_steps import GatheredSteps
from services.reward.segments.demands import Demands
from services.reward.segments.holdings import Holdings
from services.reward.segments.pool import SegmentPool
from services.reward.segments.session import OfferSession
from somersault.domain.trajectory import Segment, StoredSegment
from somersault.errors import ResourceExhaustedError
from somersault.rpc import Notifier, wait_for_change

__all__ = ["Offers"]

_log = structlog.get_logger()

OFFER_TIMEOUT_S = 30.0
"""In lockstep, how long to wait for a rollout's offer while its simulator is connected."""

ABSENCE_TIMEOUT_S = 5.0
"""In lockstep, how long to wait for a simulator that is not connected: it may be about to connect, or dead."""

_SILENT_S = 10.0
"""Who has said nothing for this long has to go if there is no room for another."""

_MIN_SEGMENTS = 2
"""A query shows two of them."""


class Offers:
    """Owns the connected simulators and the pool. Used from one event loop."""

    def __init__(
        self,
        pool: SegmentPool,
        *,
        capacity: int,
        max_simulators: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start without a simulator.

        Args:
            pool: where admitted segments go.
            capacity: the pool's capacity; also bounds the segments that wait, over all simulators.
            max_simulators: how many may be connected.
            clock: returns monotonic seconds.
        """
        self._pool = pool
        self._capacity = capacity
        self._max_simulators = max_simulators
        self._clock = clock
        self._sessions: dict[OfferSession, None] = {}
        self._holdings = Holdings()
        self._demands = Demands(self._holdings, self._sessions.keys())
        self._missed: set[str] = set()
        """Incarnations that were waited for in vain, until they offer something."""
        self._num_choices = 0
        self.gathered = GatheredSteps()
        self.changed = Notifier()
        """Notifies whenever something was offered or a simulator joined or left."""

    def join(self, incarnation: str, *, end: Callable[[], object] = lambda: None) -> OfferSession:
        """Open a simulator's session; if too many are connected, one that says nothing has to go.

        Args:
            incarnation: the random name of its life, as it says. One that reconnects may have two sessions for a while.
            end: ends its stream.

        Raises:
            ResourceExhaustedError: too many are connected, and each has been heard of lately.
        """
        if len(self._sessions) >= self._max_simulators:
            self._end_silent()
        session = OfferSession(incarnation=incarnation, end=end, heard_s=self._clock())
        self._sessions[session] = None
        self.changed.notify()
        return session

    def leave(self, session: OfferSession) -> None:
        """Close a session; whatever was demanded over it counts as lost."""
        if session not in self._sessions:
            return  # it had to go before
        del self._sessions[session]
        self._demands.forget(session)
        self._holdings.leave(session)
        self.changed.notify()

    def offer(
        self, session: OfferSession, sequence: int, segments: Sequence[Segment], *, env_steps: int = 0
    ) -> None:
        """Queue one rollout's segments, except those already in the pool.

        If more wait than the pool could hold, the oldest offer of the simulator with the most is dropped.

        Args:
            session: whose rollout it was.
            sequence: its number.
            segments: those that ended within it.
            env_steps: how many steps it had; 0 if that isn't known.
        """
        if session not in self._sessions:
            return
        self.gathered.note(session.incarnation, sequence=sequence, env_steps=env_steps)
        session.heard_s = self._clock()
        for segment in segments:
            if segment.segment_id in self._holdings:
                self._holdings.add(segment.segment_id, session)
        new = [segment for segment in segments if segment.segment_id not in self._holdings]
        if new:
            session.waiting.append((sequence, new))
        session.newest_sequence = max(session.newest_sequence, sequence)
        self._missed.discard(session.incarnation)
        while sum(each.num_waiting for each in self._sessions) > self._capacity:
            max(self._sessions, key=lambda each: each.num_waiting).waiting.popleft()
        self.changed.notify()

    def stored(self, session: OfferSession, demand_id: int, stored: Sequence[StoredSegment]) -> None:
        """Resolve a demand with the segments that the simulator has stored.

        Raises:
            InvalidInputError: no demand of that number is open, or it didn't ask for one of the segments.
        """
        session.heard_s = self._clock()
        self._demands.answer(session, demand_id, stored)
        self.changed.notify()

    def admit(self, newest_sequences: Mapping[str, int] | None) -> None:
        """Move offers into the pool in rollout order.

        Args:
            newest_sequences: the newest rollout that the learner has taken, by incarnation. Nothing newer is admitted, so
                that the pool is a function of the learner's step. None admits everything.
        """
        for session in self._sessions:
            limit = None if newest_sequences is None else newest_sequences.get(session.incarnation, -1)
            while session.waiting and (limit is None or session.waiting[0][0] <= limit):
                for segment in session.waiting.popleft()[1]:
                    self._admit_one(segment, session)

    async def wait_for(self, newest_sequences: Mapping[str, int]) -> None:
        """Wait until each simulator has offered its rollouts up to the one given, by incarnation.

        This includes simulators that are not connected: at the start a rollout may reach the learner before its
        simulator's first offer gets here, and what is asked must not depend on which was faster. One that was waited for in
        vain is not waited for again before it has offered something.
        """
        clock = asyncio.get_running_loop()
        started_s = clock.time()
        while True:
            change = self.changed.next
            missing = self._missing(newest_sequences)
            if not missing:
                return
            is_absent = not any(each.incarnation in missing for each in self._sessions)
            timeout_s = ABSENCE_TIMEOUT_S if is_absent else OFFER_TIMEOUT_S
            left_s = started_s + timeout_s - clock.time()
            if left_s <= 0:
                _log.warning("offer_missing", incarnations=missing, timeout_s=timeout_s)
                self._missed = set(missing)
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
            if self._holdings.holders(segment_id)
        ]

    def candidates(self) -> list[int]:
        """Return the pool indices to choose the next queries from.

        Every other time, those of simulators that have stored what they were asked for, if there are any: so whoever never
        does, and comes back under ever new names, can hold up no more than half of all choices.
        """
        available, ids = self.available_indices(), self._pool.segment_ids
        proven = [
            index
            for index in available
            if any(each.has_stored for each in self._holdings.holders(ids[index]))
        ]
        self._num_choices += 1
        return proven if self._num_choices % 2 and len(proven) >= _MIN_SEGMENTS else available

    async def store(self, segment_ids: Sequence[str]) -> dict[str, StoredSegment]:
        """Have segments put into object storage and return those that now are, by id."""
        return await self._demands.store(segment_ids)

    def _admit_one(self, segment: Segment, session: OfferSession) -> None:
        is_known = segment.segment_id in self._holdings
        if not is_known:
            is_full = len(self._holdings) >= self._capacity
            replaced = self._holdings.give_way(session) if is_full else None
            self._pool.add(segment.segment_id, segment.observations, segment.actions, replaced=replaced)
        self._holdings.add(segment.segment_id, session)

    def _missing(self, newest_sequences: Mapping[str, int]) -> list[str]:
        return [
            incarnation
            for incarnation, sequence in newest_sequences.items()
            if incarnation not in self._missed
            and not any(
                each.incarnation == incarnation and each.newest_sequence >= sequence
                for each in self._sessions
            )
        ]

    def _end_silent(self) -> None:
        """End the stream of the simulator that owes an answer for too long, or has been silent for longest."""
        now_s = self._clock()
        silent = [each for each in self._sessions if each.is_overdue or now_s - each.heard_s >= _SILENT_S]
        if not silent:
            raise ResourceExhaustedError(f"{self._max_simulators} simulators are connected, the most allowed")
        session = min(silent, key=lambda each: (not each.is_overdue, each.has_stored, each.heard_s))
        _log.warning("simulator_silent", incarnation=session.incarnation)
        self.leave(session)
        session.end()
