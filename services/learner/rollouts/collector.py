"""Which simulator gathers what: assignments out, batches of rollouts in, bounded and fair on both sides.

An improvement takes one rollout from each simulator that has one ready, once at least half of those at work have. Each
simulator has at most two rollouts assigned or waiting, so a slow learner slows its simulators instead of filling memory.
A rollout's age in policy versions is then about the number of rollouts assigned or waiting, divided by the number in a
batch, less one: 1 if all simulators are in each batch and 3 if half of them are, however many there are. With one simulator
that is lag one: while the learner improves on rollout k, rollout k + 1 is gathered under policy k.
"""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Callable

import prometheus_client
import structlog

from services.learner.rollouts.batch import Collected
from services.learner.rollouts.session import PublishedPolicy, SimulatorSession
from somersault.domain.trajectory import Rollout
from somersault.errors import FailedPreconditionError, InvalidInputError, ResourceExhaustedError
from somersault.rpc import Notifier, wait_for_change
from somersault.runtime.telemetry import tell_owner

__all__ = ["Collector"]

_log = structlog.get_logger()

_NUM_SIMULATORS = prometheus_client.Gauge("somersault_learner_num_simulators", "Simulators connected")

_MAX_REMEMBERED_INCARNATIONS = 4096
_NUM_REMEMBERED = 64
"""Rollouts of an incarnation that are remembered, so that one delivered again is known. Each by its own number: a place far ahead,
claimed by somebody else under the same name, would otherwise make all that follow look like repeats."""

_LOOK_AGAIN_S = 1.0

_MAX_PENDING_BATCHES = 4
"""Batches' worth of rollouts that may be assigned or waiting; more would only make them older."""


class Collector:
    """Owns the connected simulators and the rollouts that wait to be learned from. Used from one event loop."""

    def __init__(
        self,
        *,
        max_simulators: int,
        max_policy_lag: int,
        is_exclusive: bool,
        max_batch_rollouts: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start without simulators.

        Args:
            max_simulators: More are refused.
            max_policy_lag: Rollouts older than this many versions are dropped and counted.
            is_exclusive: Only the simulator that joined first gathers while the others stand by, and a batch is one
                rollout, as lockstep needs.
            max_batch_rollouts: The most rollouts in a batch.
            clock: Returns monotonic seconds.
        """
        self._max_simulators = max_simulators
        self._max_policy_lag = max_policy_lag
        self._is_exclusive = is_exclusive
        self._max_batch = 1 if is_exclusive else max_batch_rollouts
        self._clock = clock
        self._sessions: dict[SimulatorSession, None] = {}
        """In the order they joined."""
        self._ready: dict[SimulatorSession, deque[tuple[int, Rollout]]] = {}
        """Waiting rollouts by simulator, each with the number of its arrival; a simulator with none has no entry."""
        self._changed = Notifier()
        self._arrivals = itertools.count()
        self._assignments = itertools.count()
        self._delivered: OrderedDict[str, deque[int]] = OrderedDict()
        """The newest sequences by incarnation."""
        self._policy: PublishedPolicy | None = None
        self._is_paused = False
        self._wants_segments = False
        self._told_of: SimulatorSession | None = None
        self.num_stale = 0
        self.num_repeated = 0
        self.num_spare = 0
        """Rollouts gathered for their segments alone."""
        self.num_spare_steps = 0
        """Environment steps of those rollouts."""

    @property
    def num_simulators(self) -> int:
        """Simulators connected now."""
        return len(self._sessions)

    @property
    def num_pending(self) -> int:
        """Rollouts waiting, and those assigned to simulators that are counted on."""
        now_s = self._clock()
        assigned = sum(
            len(session.outstanding) for session in self._sessions if not session.is_overdue(now_s)
        )
        return assigned + sum(map(len, self._ready.values()))

    @property
    def policy(self) -> PublishedPolicy | None:
        """The newest policy; None before the first is published."""
        return self._policy

    def join(
        self,
        *,
        simulator_id: str,
        incarnation: str,
        num_environments: int,
        end: Callable[[], object] = lambda: None,
    ) -> SimulatorSession:
        """Add a simulator and assign it work; if too many are connected, one that owes a rollout for too long has to go.

        Args:
            simulator_id: Its stable name.
            incarnation: The random name of its life.
            num_environments: How many it steps.
            end: Ends its stream.

        Raises:
            ResourceExhaustedError: Too many are connected that deliver.
        """
        if len(self._sessions) >= self._max_simulators:
            self._end_overdue()
        session = SimulatorSession(
            simulator_id=simulator_id, incarnation=incarnation, num_environments=num_environments, end=end
        )
        self._sessions[session] = None
        _NUM_SIMULATORS.set(len(self._sessions))
        _log.info("simulator_joined", simulator_id=simulator_id, incarnation=incarnation)
        self._assign()
        return session

    def leave(self, session: SimulatorSession) -> None:
        """Remove a simulator; what it owed is assigned to others, and no batch waits for it."""
        if session not in self._sessions:
            return  # it had to go before
        del self._sessions[session]
        _NUM_SIMULATORS.set(len(self._sessions))
        _log.info(
            "simulator_left",
            simulator_id=session.simulator_id,
            incarnation=session.incarnation,
            num_rollouts=session.num_rollouts,
        )
        self._changed.notify()
        self._assign()

    def deliver(self, session: SimulatorSession, rollout: Rollout) -> None:
        """Take in a rollout from a simulator.

        Raises:
            FailedPreconditionError: Nothing was assigned to it.
            InvalidInputError: It was not gathered under the assigned policy version.
        """
        if not session.outstanding:
            raise FailedPreconditionError(f"rollout {rollout.sequence} answers no assignment")
        if rollout.policy_version != session.outstanding[0]:
            bound = f"the assigned version {session.outstanding[0]}"
            # Trying again helps: a new stream begins with assignments of its own.
            raise InvalidInputError("rollout.policy_version", rollout.policy_version, bound).again()
        session.answer(now_s=self._clock())
        if self._is_repeated(session.incarnation, rollout.sequence):
            self.num_repeated += 1
            _log.info("rollout_repeated", incarnation=session.incarnation, sequence=rollout.sequence)
            self._assign()
            return
        session.adapt_depth(self.lag(rollout), most=max(1, self._max_policy_lag // 2))
        self._ready.setdefault(session, deque()).append((next(self._arrivals), rollout))
        self._changed.notify()
        self._drop_spare()

    async def take(self) -> tuple[Collected, ...]:
        """Wait until there is enough for the next improvement, and return it.

        That is one rollout from each simulator that has one ready, the oldest first, and from at least half of those at
        work, so that a fast simulator neither makes the others' rollouts old nor waits for the slowest.
        """
        while True:
            self._drop_stale()
            change = self._changed.next
            wait_s = self._wait_s()
            if wait_s == 0.0:
                return self._take_ready()
            # Now and then without a change too: what was assigned to simulators that don't deliver is assigned to others.
            await wait_for_change(change, timeout_s=_LOOK_AGAIN_S if wait_s is None else wait_s)
            if self._is_exclusive:
                self._pass_over_silent()
            self._assign()

    def publish(self, policy: PublishedPolicy) -> None:
        """Make a policy the newest and assign what may be gathered under it."""
        self._policy = policy
        self._assign()

    def pause(self) -> None:
        """Assign nothing more until `resume`."""
        self._is_paused = True

    def resume(self) -> None:
        """Assign rollouts again."""
        self._is_paused = False
        self._assign()

    def want_segments(self, *, is_wanted: bool) -> None:
        """Let simulators gather for their segments alone while the learner waits, or no longer.

        Each simulator's newest rollout is kept for the next batch; the others are dropped and counted as they arrive.
        """
        if is_wanted == self._wants_segments:
            return
        self._wants_segments = is_wanted
        _log.info("segments_wanted" if is_wanted else "segments_gathered", num_spare=self.num_spare)
        self._drop_spare()
        self._assign()

    def lag(self, rollout: Rollout) -> int:
        """Return how many versions ago a rollout's policy was the newest."""
        return 0 if self._policy is None else self._policy.version - rollout.policy_version

    def _wait_s(self) -> float | None:
        """Return 0 if there is enough to take, else the seconds until that may change; None if time alone won't change it."""
        if not self._ready:
            return None
        now_s = self._clock()
        absent = (session for session in self._sessions if session not in self._ready)
        late_s = [
            late_s for session in absent if (late_s := session.late_s(now_s)) is not None and late_s > 0
        ]
        num_at_work = len(self._ready) + len(late_s)
        num_needed = min(self._max_batch, (num_at_work + 1) // 2)
        return 0.0 if len(self._ready) >= num_needed else min(late_s)

    def _take_ready(self) -> tuple[Collected, ...]:
        """Return the oldest rollouts, by version and then by arrival, one from each simulator."""
        oldest = sorted(
            self._ready,
            key=lambda each: (self._ready[each][0][1].policy_version, self._ready[each][0][0]),
        )
        return tuple(
            Collected(incarnation=each.incarnation, rollout=self._pop_ready(each))
            for each in oldest[: self._max_batch]
        )

    def _drop_stale(self) -> None:
        """Drop waiting rollouts that are too old, and assign others."""
        num_before = self.num_stale
        for session in list(self._ready):
            while session in self._ready and self.lag(self._ready[session][0][1]) > self._max_policy_lag:
                rollout = self._pop_ready(session)
                self.num_stale += 1
                _log.info("rollout_stale", incarnation=session.incarnation, lag=self.lag(rollout))
        if self.num_stale > num_before:
            self._assign()

    def _drop_spare(self) -> None:
        """While segments alone are wanted, drop all rollouts of simulators that left and all but the newest of the others."""
        if not self._wants_segments:
            return
        for session in list(self._ready):
            while len(self._ready.get(session, ())) > (session in self._sessions):
                self.num_spare_steps += self._pop_ready(session).num_steps
                self.num_spare += 1
        self._assign()

    def _pop_ready(self, session: SimulatorSession) -> Rollout:
        waiting = self._ready[session]
        _, rollout = waiting.popleft()
        if not waiting:
            del self._ready[session]
        return rollout

    def _assign(self) -> None:
        """Assign rollouts until every simulator has enough, or so many are pending that more would grow too old."""
        if self._policy is None or self._is_paused:
            return
        now_s = self._clock()
        gathering = list(self._sessions)[:1] if self._is_exclusive else list(self._sessions)
        if not self._is_exclusive:
            gathering = [session for session in gathering if not session.is_overdue(now_s)]
        gathering.sort(key=lambda session: session.last_assigned)
        if self._wants_segments:
            for session in gathering:
                if not session.outstanding:
                    session.assign(self._policy, number=next(self._assignments), now_s=self._clock())
            return
        # Rollouts of simulators that left count too, so that simulators coming and going can't fill memory.
        room = min(2 * len(gathering), _MAX_PENDING_BATCHES * self._max_batch) - self.num_pending
        for depth in (1, 2):
            for session in gathering:
                if room > 0 and self._num_pending_of(session) < min(depth, session.depth):
                    session.assign(self._policy, number=next(self._assignments), now_s=self._clock())
                    room -= 1

    def _num_pending_of(self, session: SimulatorSession) -> int:
        return len(session.outstanding) + len(self._ready.get(session, ()))

    def _pass_over_silent(self) -> None:
        """End the stream of the only simulator that gathers if it delivers nothing and another stands by; alone, name it.

        One that is alone may merely be slow: beginning anew would take it as long again.
        """
        if not self._sessions:
            return
        first, *standing_by = self._sessions
        if not first.is_given_up(self._clock()):
            return
        owed = (
            f"the learner waits for simulator {first.simulator_id} ({first.incarnation}), which has owed a rollout for"
            f" {first.owes_for_s(self._clock()):.0f} s"
        )
        if standing_by:
            tell_owner(f"{owed}; its stream is ended, and {standing_by[0].simulator_id} gathers in its place")
            self.leave(first)
            first.end()
        elif first is not self._told_of:
            self._told_of = first
            tell_owner(f"{owed}; no other simulator is connected that could take its place")

    def _end_overdue(self) -> None:
        """End the stream of the simulator that has owed a rollout for longest without ever having delivered one, or at all."""
        now_s = self._clock()
        overdue = [session for session in self._sessions if session.is_overdue(now_s)]
        if not overdue:
            raise ResourceExhaustedError(f"{self._max_simulators} simulators are connected, the most allowed")
        session = min(overdue, key=lambda each: (each.num_rollouts > 0, each.last_assigned))
        _log.warning("simulator_overdue", simulator_id=session.simulator_id, incarnation=session.incarnation)
        self.leave(session)
        session.end()

    def _is_repeated(self, incarnation: str, sequence: int) -> bool:
        """Return whether a rollout was delivered before, and remember it."""
        delivered = self._delivered.pop(incarnation, None) or deque(maxlen=_NUM_REMEMBERED)
        self._delivered[incarnation] = delivered
        if len(self._delivered) > _MAX_REMEMBERED_INCARNATIONS:
            self._delivered.popitem(last=False)
        if sequence in delivered:
            return True
        delivered.append(sequence)
        return False
