"""Which simulator gathers what: assignments out, batches of rollouts in, bounded and fair on both sides.

An improvement takes one rollout of each simulator that has one ready, once at least half of those at work have. Each
simulator has at most two rollouts assigned or waiting. So in versions a rollout is about as old as assigned or waiting
rollouts are many beside those of a batch, less one: 1 where all are taken, 3 where half of them are, however many
simulators there are; and a slow learner slows its simulators instead of filling memory. With one simulator that is lag
one: while the learner improves on rollout k, rollout k + 1 is gathered under policy k.
"""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Callable

import prometheus_client
import structlog

from services.learner.rollouts.batch import Collected
from services.learner.rollouts.session import Assign, PublishedPolicy, SimulatorSession
from somersault.domain.trajectory import Rollout
from somersault.errors import FailedPreconditionError, InvalidInputError, ResourceExhaustedError
from somersault.rpc import Notifier, wait_for_change

__all__ = ["Assign", "Collected", "Collector", "PublishedPolicy", "SimulatorSession"]

_log = structlog.get_logger()

_NUM_SIMULATORS = prometheus_client.Gauge("somersault_learner_num_simulators", "Simulators connected")

_MAX_REMEMBERED_INCARNATIONS = 4096

_MAX_PENDING_BATCHES = 4
"""Batches' worth of rollouts assigned or waiting, past which more simulators would only make them older."""


class Collector:
    """Owns the connected simulators and the rollouts that wait for the learner. Used from one event loop."""

    def __init__(
        self,
        *,
        max_simulators: int,
        max_policy_lag: int,
        is_exclusive: bool,
        max_batch_rollouts: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts without simulators.

        Args:
            max_simulators: More are refused.
            max_policy_lag: Rollouts older than this many versions are dropped and counted.
            is_exclusive: Only the simulator that came first gathers, the others stand by, and a batch is one rollout:
                what lockstep needs.
            max_batch_rollouts: The most rollouts in a batch.
            clock: Gives monotonic seconds.
        """
        self._max_simulators = max_simulators
        self._max_policy_lag = max_policy_lag
        self._is_exclusive = is_exclusive
        self._max_batch = 1 if is_exclusive else max_batch_rollouts
        self._clock = clock
        self._sessions: dict[SimulatorSession, None] = {}
        """In the order in which they joined."""
        self._ready: dict[str, deque[tuple[int, Rollout]]] = {}
        """Waiting rollouts by incarnation, each with the number of its arrival; no incarnation without any."""
        self._changed = Notifier()
        self._arrivals = itertools.count()
        self._assignments = itertools.count()
        self._last_sequences: OrderedDict[str, int] = OrderedDict()
        self._policy: PublishedPolicy | None = None
        self._is_paused = False
        self._wants_segments = False
        self.num_stale = 0
        self.num_repeated = 0
        self.num_spare = 0
        """Rollouts gathered for their segments alone."""
        self.num_spare_steps = 0
        """Environment steps of those."""

    @property
    def num_simulators(self) -> int:
        """Simulators connected now."""
        return len(self._sessions)

    @property
    def num_pending(self) -> int:
        """Rollouts assigned or waiting."""
        assigned = sum(len(session.outstanding) for session in self._sessions)
        return assigned + sum(map(len, self._ready.values()))

    @property
    def policy(self) -> PublishedPolicy | None:
        """The newest policy; none before the first was published."""
        return self._policy

    def join(self, *, simulator_id: str, incarnation: str, num_environments: int) -> SimulatorSession:
        """Takes in a simulator and assigns it work.

        Raises:
            ResourceExhaustedError: too many are connected.
        """
        if len(self._sessions) >= self._max_simulators:
            raise ResourceExhaustedError(f"{self._max_simulators} simulators are connected, the most allowed")
        session = SimulatorSession(
            simulator_id=simulator_id, incarnation=incarnation, num_environments=num_environments
        )
        self._sessions[session] = None
        _NUM_SIMULATORS.set(len(self._sessions))
        _log.info("simulator_joined", simulator_id=simulator_id, incarnation=incarnation)
        self._assign()
        return session

    def leave(self, session: SimulatorSession) -> None:
        """Forgets a simulator; what it owed is assigned to others, and nobody waits for it."""
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
        """Takes a rollout from a simulator.

        Raises:
            FailedPreconditionError: nothing was assigned to it.
            InvalidInputError: it was not gathered under the assigned policy version.
        """
        if not session.outstanding:
            raise FailedPreconditionError(f"rollout {rollout.sequence} answers no assignment")
        if rollout.policy_version != session.outstanding[0]:
            bound = f"the assigned version {session.outstanding[0]}"
            # Passes: a new stream begins with assignments of its own.
            raise InvalidInputError("rollout.policy_version", rollout.policy_version, bound).again()
        session.answer(now_s=self._clock())
        if self._is_repeated(session.incarnation, rollout.sequence):
            self.num_repeated += 1
            _log.info("rollout_repeated", incarnation=session.incarnation, sequence=rollout.sequence)
            self._assign()
            return
        session.adapt_depth(self.lag(rollout), most=max(1, self._max_policy_lag // 2))
        self._ready.setdefault(session.incarnation, deque()).append((next(self._arrivals), rollout))
        self._changed.notify()
        self._drop_spare()

    async def take(self) -> tuple[Collected, ...]:
        """Gives what the next improvement learns from, and waits until there is enough.

        One rollout each of as many simulators as have one, the oldest first: at least half of those at work, so that a
        fast simulator neither makes the others' rollouts old nor waits for the slowest.
        """
        while True:
            self._drop_stale()
            change = self._changed.next
            wait_s = self._wait_s()
            if wait_s == 0.0:
                return self._take_ready()
            await wait_for_change(change, timeout_s=wait_s)

    def publish(self, policy: PublishedPolicy) -> None:
        """Makes a policy the newest and assigns what may be gathered under it."""
        self._policy = policy
        self._assign()

    def pause(self) -> None:
        """Assigns nothing more until `resume`."""
        self._is_paused = True

    def resume(self) -> None:
        """Assigns again."""
        self._is_paused = False
        self._assign()

    def want_segments(self, *, is_wanted: bool) -> None:
        """Have simulators gather on, though nobody learns: their segments are what is wanted, of the newest policy.

        Each one's newest rollout is kept for the next batch; all others are dropped as they come, and counted.
        """
        if is_wanted == self._wants_segments:
            return
        self._wants_segments = is_wanted
        _log.info("segments_wanted" if is_wanted else "segments_gathered", num_spare=self.num_spare)
        self._drop_spare()
        self._assign()

    def lag(self, rollout: Rollout) -> int:
        """Gives how many versions ago a rollout's policy was the newest."""
        return 0 if self._policy is None else self._policy.version - rollout.policy_version

    def _wait_s(self) -> float | None:
        """Gives 0 if there is enough to take, else how long to wait for a change; None if time alone changes nothing."""
        if not self._ready:
            return None
        now_s = self._clock()
        absent = (session for session in self._sessions if session.incarnation not in self._ready)
        late_s = [
            late_s for session in absent if (late_s := session.late_s(now_s)) is not None and late_s > 0
        ]
        num_at_work = len(self._ready) + len(late_s)
        num_needed = min(self._max_batch, (num_at_work + 1) // 2)
        return 0.0 if len(self._ready) >= num_needed else min(late_s)

    def _take_ready(self) -> tuple[Collected, ...]:
        """Takes the oldest rollouts, by version and then by arrival, one of each simulator."""
        oldest = sorted(
            self._ready,
            key=lambda name: (self._ready[name][0][1].policy_version, self._ready[name][0][0]),
        )
        return tuple(
            Collected(incarnation=name, rollout=self._pop_ready(name)) for name in oldest[: self._max_batch]
        )

    def _drop_stale(self) -> None:
        """Drops waiting rollouts that are too old, and assigns others."""
        num_before = self.num_stale
        for name in list(self._ready):
            while name in self._ready and self.lag(self._ready[name][0][1]) > self._max_policy_lag:
                rollout = self._pop_ready(name)
                self.num_stale += 1
                _log.info("rollout_stale", incarnation=name, lag=self.lag(rollout))
        if self.num_stale > num_before:
            self._assign()

    def _drop_spare(self) -> None:
        """Drop, while segments alone are wanted, what waits of simulators that left and all but the newest of others."""
        if not self._wants_segments:
            return
        connected = {session.incarnation for session in self._sessions}
        for name in list(self._ready):
            while len(self._ready.get(name, ())) > (name in connected):
                self.num_spare_steps += self._pop_ready(name).num_steps
                self.num_spare += 1
        self._assign()

    def _pop_ready(self, incarnation: str) -> Rollout:
        waiting = self._ready[incarnation]
        _, rollout = waiting.popleft()
        if not waiting:
            del self._ready[incarnation]
        return rollout

    def _assign(self) -> None:
        """Assigns rollouts until every simulator has enough, or so many are pending that more would be too old."""
        if self._policy is None or self._is_paused:
            return
        gathering = list(self._sessions)[:1] if self._is_exclusive else list(self._sessions)
        gathering.sort(key=lambda session: session.last_assigned)
        if self._wants_segments:
            for session in gathering:
                if not session.outstanding:
                    session.assign(self._policy, number=next(self._assignments), now_s=self._clock())
            return
        # What simulators that left have delivered counts too, so that no coming and going fills memory.
        room = min(2 * len(gathering), _MAX_PENDING_BATCHES * self._max_batch) - self.num_pending
        for depth in (1, 2):
            for session in gathering:
                if room > 0 and self._num_pending_of(session) < min(depth, session.depth):
                    session.assign(self._policy, number=next(self._assignments), now_s=self._clock())
                    room -= 1

    def _num_pending_of(self, session: SimulatorSession) -> int:
        return len(session.outstanding) + len(self._ready.get(session.incarnation, ()))

    def _is_repeated(self, incarnation: str, sequence: int) -> bool:
        """Tells whether a rollout came before, and remembers it."""
        last = self._last_sequences.pop(incarnation, -1)
        self._last_sequences[incarnation] = max(last, sequence)
        if len(self._last_sequences) > _MAX_REMEMBERED_INCARNATIONS:
            self._last_sequences.popitem(last=False)
        return sequence <= last
