"""One connected simulator as the reward service sees it: what it offered, and what it was asked to store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from somersault.domain.trajectory import Segment, StoredSegment

__all__ = ["Demand", "OfferSession", "OpenDemand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Asks a simulator to put segments into object storage."""

    demand_id: int
    segment_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDemand:
    """A demand that the simulator has not answered."""

    segment_ids: frozenset[str]
    answer: asyncio.Future[Sequence[StoredSegment]]


@dataclass(slots=True, kw_only=True, eq=False)
class OfferSession:
    """One connected simulator. All times are of one monotonic clock."""

    incarnation: str
    end: Callable[[], object] = lambda: None
    """Ends its stream."""
    heard_s: float = 0.0
    """When it joined, offered or stored something last."""
    outbox: asyncio.Queue[Demand] = field(default_factory=asyncio.Queue)
    """What to send down the stream: one that owes an answer for too long is sent no more."""
    waiting: deque[tuple[int, Sequence[Segment]]] = field(default_factory=deque)
    """Offers (rollout sequence, segments) that are not in the pool yet, none of them empty."""
    newest_sequence: int = -1
    """The newest rollout whose segments were offered."""
    demands: dict[int, OpenDemand] = field(default_factory=dict)
    """Demands that it has not answered, by number."""
    has_stored: bool = False
    """Whether it answered its last demand in time."""
    is_overdue: bool = False
    """Whether it has owed an answer for so long that it is not asked for anything until it answers."""

    @property
    def num_waiting(self) -> int:
        """Segments that wait to be admitted."""
        return sum(len(segments) for _, segments in self.waiting)
