"""One connected simulator as the learner sees it: what was sent to it, what it owes, how fast it is."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

__all__ = ["Assign", "PublishedPolicy", "SimulatorSession"]

_LEAST_PATIENCE_S = 10.0
"""Shorter than this nobody counts as late: a pause of the machine is no sign of anything."""

_PATIENCE_ROLLOUTS = 4.0
"""A rollout that takes so many times as long as the simulator's last one is late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPolicy:
    """A policy version and its safetensors."""

    version: int
    weights: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign:
    """Asks for one rollout under a policy version that was sent before."""

    policy_version: int


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatorSession:
    """One connected simulator: what was sent to it and what it still owes. All times are of one monotonic clock."""

    simulator_id: str
    incarnation: str
    num_environments: int
    outbox: asyncio.Queue[PublishedPolicy | Assign] = field(default_factory=asyncio.Queue)
    """What goes down the stream; never longer than twice the outstanding assignments."""
    outstanding: deque[int] = field(default_factory=deque)
    """Policy versions of the assignments it has not answered, oldest first."""
    sent_version: int = -1
    """The newest policy version it was sent."""
    depth: int = 2
    """Rollouts it may have assigned or waiting: one gathered while one is taken, or 1 where two would grow too old."""
    last_assigned: int = -1
    """When it was last assigned a rollout, as a number that rises with each assignment of the collector."""
    num_rollouts: int = 0
    """Rollouts it has delivered."""
    _began_s: float = 0.0
    """When it began with its oldest outstanding assignment."""
    _took_s: float | None = None
    """How long its last rollout took; None before the first."""

    def assign(self, policy: PublishedPolicy, *, number: int, now_s: float) -> None:
        """Puts an assignment, and the policy before it if that is new to this simulator, into the outbox."""
        if not self.outstanding:
            self._began_s = now_s
        if self.sent_version != policy.version:
            self.outbox.put_nowait(policy)
            self.sent_version = policy.version
        self.outbox.put_nowait(Assign(policy_version=policy.version))
        self.outstanding.append(policy.version)
        self.last_assigned = number

    def answer(self, *, now_s: float) -> None:
        """Takes the oldest assignment as answered."""
        self.outstanding.popleft()
        self.num_rollouts += 1
        self._took_s = now_s - self._began_s
        self._began_s = now_s

    def adapt_depth(self, lag: int, *, most: int) -> None:
        """Lets it have a second rollout pending only where that keeps its rollouts at most ``most`` versions old.

        Args:
            lag: How many versions old the one it delivers now is; with twice as many pending it would be twice that.
            most: See above.
        """
        if lag > most:
            self.depth = 1
        elif 2 * lag <= most:
            self.depth = 2

    def late_s(self, now_s: float) -> float | None:
        """Gives the seconds until it is late with a rollout, 0 or less if it is; None if it is not to be waited for.

        That is one which owes nothing, or has not delivered yet: it may still be starting, or never will.
        """
        if not self.outstanding or self._took_s is None:
            return None
        patience_s = max(_LEAST_PATIENCE_S, _PATIENCE_ROLLOUTS * self._took_s)
        return self._began_s + patience_s - now_s
