"""One connected simulator as the learner sees it: what it was sent, what it owes, how fast it is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Assignment", "PublishedPolicy", "SimulatorSession"]

_MIN_PATIENCE_S = 10.0
"""No simulator counts as late before this: the machine may merely have paused."""

_MAX_PATIENCE_S = 600.0
"""However slow a simulator once was."""

_FIRST_PATIENCE_S = 10.0
"""A simulator that has not delivered yet may still be starting. It loses nothing by being overdue: what it delivers then counts."""

_ONLY_PATIENCE_S = 60.0
"""For the only simulator that gathers, as in lockstep: another one's rollouts would make it another run."""

_PATIENCE_ROLLOUTS = 4.0
"""A rollout is late once it takes this many times as long as the simulator's last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPolicy:
    """A policy version and its safetensors."""

    version: int
    weights: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Asks for one rollout under a policy version that was sent before."""

    policy_version: int


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatorSession:
    """One connected simulator. All times are of one monotonic clock."""

    simulator_id: str
    incarnation: str
    num_environments: int
    outbox: asyncio.Queue[PublishedPolicy | Assignment] = field(default_factory=asyncio.Queue)
    """What to send down the stream; never longer than twice the outstanding assignments."""
    outstanding: deque[int] = field(default_factory=deque)
    """Policy versions of the assignments not answered yet, oldest first."""
    sent_version: int = -1
    """The newest policy version it was sent."""
    depth: int = 2
    """Rollouts it may have assigned or waiting: 2, so that it gathers one while another is taken, or 1 if two would grow too old."""
    end: Callable[[], object] = lambda: None
    """Ends its stream."""
    last_assigned: int = -1
    """The number of its last assignment among all of the collector's."""
    num_rollouts: int = 0
    """Rollouts it has delivered."""
    _began_s: float = 0.0
    """When it began its oldest outstanding assignment."""
    _took_s: float | None = None
    """How long its last rollout took; None before the first."""

    def assign(self, policy: PublishedPolicy, *, number: int, now_s: float) -> None:
        """Put an assignment into the outbox, preceded by the policy if this simulator doesn't have it yet."""
        if not self.outstanding:
            self._began_s = now_s
        if self.sent_version != policy.version:
            self.outbox.put_nowait(policy)
            self.sent_version = policy.version
        self.outbox.put_nowait(Assignment(policy_version=policy.version))
        self.outstanding.append(policy.version)
        self.last_assigned = number

    def is_overdue(self, now_s: float) -> bool:
        """Return whether it has had an assignment for so long that nobody counts on it any more; it may still deliver."""
        if not self.outstanding:
            return False
        patience_s = _FIRST_PATIENCE_S if self._took_s is None else self._patience_s(self._took_s)
        return now_s - self._began_s > patience_s

    def owes_for_s(self, now_s: float) -> float:
        """Return for how long it has owed its oldest assignment, 0 if it owes none."""
        return now_s - self._began_s if self.outstanding else 0.0

    def is_given_up(self, now_s: float) -> bool:
        """Return whether it has owed a rollout for so long that it can't be the only one that gathers."""
        patience_s = self._patience_s(self._took_s or 0.0)
        return self.owes_for_s(now_s) > max(_ONLY_PATIENCE_S, patience_s)

    def answer(self, *, now_s: float) -> None:
        """Count the oldest assignment as answered."""
        self.outstanding.popleft()
        self.num_rollouts += 1
        self._took_s = now_s - self._began_s
        self._began_s = now_s

    def adapt_depth(self, lag: int, *, most: int) -> None:
        """Allow a second pending rollout only if its rollouts then stay at most ``most`` versions old.

        Args:
            lag: Age of the rollout just delivered, in versions; with twice as many pending it would be twice that.
            most: The greatest age wanted.
        """
        if lag > most:
            self.depth = 1
        elif 2 * lag <= most:
            self.depth = 2

    def late_s(self, now_s: float) -> float | None:
        """Return the seconds until it is late with a rollout, 0 or less if it is; None if it isn't to be waited for.

        It isn't if it owes nothing, or if it hasn't delivered yet: it may still be starting, or may never deliver.
        """
        if not self.outstanding or self._took_s is None:
            return None
        return self._began_s + self._patience_s(self._took_s) - now_s

    @staticmethod
    def _patience_s(took_s: float) -> float:
        return min(_MAX_PATIENCE_S, max(_MIN_PATIENCE_S, _PATIENCE_ROLLOUTS * took_s))
