"""Which simulator gathers what: assignments out, rollouts in, bounded on both sides.

Lag one: while the learner improves on rollout k, rollout k + 1 is gathered under policy k. So with S simulators at most S + 1
rollouts are assigned or waiting at any time, and a slow learner slows its simulators instead of filling memory.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

import structlog

from somersault.errors import FailedPreconditionError, InvalidInputError, ResourceExhaustedError
from somersault.types import Rollout

__all__ = ["Collected", "Collector", "PublishedPolicy", "SimulatorSession"]

_log = structlog.get_logger()

_MAX_REMEMBERED_INCARNATIONS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPolicy:
    """A policy version and its safetensors."""

    version: int
    weights: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Asks for one rollout under a policy version that was sent before."""

    policy_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A rollout and where it came from."""

    incarnation: str
    rollout: Rollout


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatorSession:
    """One connected simulator: what was sent to it and what it still owes."""

    simulator_id: str
    incarnation: str
    num_environments: int
    outbox: asyncio.Queue[PublishedPolicy | Assign] = field(default_factory=asyncio.Queue)
    """What goes down the stream; never longer than twice the outstanding assignments."""
    outstanding: deque[int] = field(default_factory=deque)
    """Policy versions of the assignments it has not answered, oldest first."""
    sent_version: int = -1
    """The newest policy version it was sent."""


class Collector:
    """Owns the connected simulators and the rollouts that wait for the learner. Used from one event loop."""

    def __init__(self, *, max_simulators: int, max_policy_lag: int, is_exclusive: bool) -> None:
        """Starts without simulators.

        Args:
            max_simulators: More are refused.
            max_policy_lag: Rollouts older than this many versions are dropped and counted.
            is_exclusive: Only the simulator that came first gathers, the others stand by: what lockstep needs.
        """
        self._max_simulators = max_simulators
        self._max_policy_lag = max_policy_lag
        self._is_exclusive = is_exclusive
        self._sessions: list[SimulatorSession] = []
        self._ready: deque[Collected] = deque()
        self._arrived = asyncio.Event()
        self._last_sequences: OrderedDict[str, int] = OrderedDict()
        self._policy: PublishedPolicy | None = None
        self._is_paused = False
        self.num_stale = 0
        self.num_repeated = 0

    @property
    def num_simulators(self) -> int:
        """Simulators connected now."""
        return len(self._sessions)

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
        self._sessions.append(session)
        _log.info("simulator_joined", simulator_id=simulator_id, incarnation=incarnation)
        self._assign()
        return session

    def leave(self, session: SimulatorSession) -> None:
        """Forgets a simulator; what it owed is assigned to others."""
        self._sessions.remove(session)
        _log.info("simulator_left", simulator_id=session.simulator_id, incarnation=session.incarnation)
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
            raise InvalidInputError("rollout.policy_version", rollout.policy_version, bound)
        session.outstanding.popleft()
        if self._is_repeated(session.incarnation, rollout.sequence):
            self.num_repeated += 1
            _log.info("rollout_repeated", incarnation=session.incarnation, sequence=rollout.sequence)
            self._assign()
            return
        self._ready.append(Collected(incarnation=session.incarnation, rollout=rollout))
        self._arrived.set()

    async def take(self) -> Collected:
        """Gives the oldest waiting rollout that is not too old, and waits until there is one."""
        while True:
            while self._ready:
                collected = self._ready.popleft()
                if self._lag(collected.rollout) <= self._max_policy_lag:
                    return collected
                self.num_stale += 1
                _log.info("rollout_stale", lag=self._lag(collected.rollout))
                self._assign()
            self._arrived.clear()
            await self._arrived.wait()

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

    def _assign(self) -> None:
        """Assigns rollouts until as many are under way or waiting as lag one allows."""
        if self._policy is None or self._is_paused:
            return
        gathering = self._sessions[:1] if self._is_exclusive else self._sessions
        while gathering and self._num_pending() <= len(gathering):
            session = min(gathering, key=lambda each: len(each.outstanding))
            if session.sent_version != self._policy.version:
                session.outbox.put_nowait(self._policy)
                session.sent_version = self._policy.version
            session.outbox.put_nowait(Assign(policy_version=self._policy.version))
            session.outstanding.append(self._policy.version)

    def _num_pending(self) -> int:
        return len(self._ready) + sum(len(session.outstanding) for session in self._sessions)

    def _lag(self, rollout: Rollout) -> int:
        return 0 if self._policy is None else self._policy.version - rollout.policy_version

    def _is_repeated(self, incarnation: str, sequence: int) -> bool:
        """Tells whether a rollout came before, and remembers it."""
        last = self._last_sequences.pop(incarnation, -1)
        self._last_sequences[incarnation] = max(last, sequence)
        if len(self._last_sequences) > _MAX_REMEMBERED_INCARNATIONS:
            self._last_sequences.popitem(last=False)
        return sequence <= last
