"""Which simulators hold the segments of the pool, and whose segment gives way to a new one.

A simulator has its share of the pool and no more: a new segment takes the place of the oldest one of whoever has most there.
With one simulator that is the oldest of all. A segment belongs to the first that offered it; others that offered it too may store it
as well. So who offers segments under another's names takes nothing over, and who reconnects has its segments back.
"""

from __future__ import annotations

from services.reward.segments.session import OfferSession

__all__ = ["Holdings"]


class Holdings:
    """Owns the account of who holds what. Used from one event loop."""

    def __init__(self) -> None:
        """Start with an empty pool."""
        self._holders: dict[str, list[OfferSession]] = {}
        """By segment, those connected that offered it; the first is its owner."""
        self._owned: dict[OfferSession | None, dict[str, None]] = {None: {}}
        """By owner, its segments, oldest first; None owns those that nobody connected holds."""

    def __len__(self) -> int:
        """Return the number of segments in the pool."""
        return len(self._holders)

    def __contains__(self, segment_id: str) -> bool:
        """Return whether a segment is in the pool."""
        return segment_id in self._holders

    def holders(self, segment_id: str) -> list[OfferSession]:
        """Return the simulators that may be asked to store a segment."""
        return [session for session in self._holders.get(segment_id, ()) if not session.is_overdue]

    def add(self, segment_id: str, session: OfferSession) -> None:
        """Record that a segment is in the pool now, or that somebody else offers it too."""
        holders = self._holders.setdefault(segment_id, [])
        if session in holders:
            return
        if not holders:
            self._owned[None].pop(segment_id, None)
            self._owned.setdefault(session, {})[segment_id] = None
        holders.append(session)

    def give_way(self, newcomer: OfferSession) -> str:
        """Take the segment out that one of ``newcomer`` is to replace, and return its name; there must be one."""

        def share(owner: OfferSession | None) -> int:
            return len(self._owned[owner]) + (owner is newcomer)

        owner = None if self._owned[None] else max(self._owned, key=share)
        segment_id = next(iter(self._owned[owner]))
        del self._owned[owner][segment_id]
        del self._holders[segment_id]
        return segment_id

    def leave(self, session: OfferSession) -> None:
        """Record that a simulator is gone: others that hold the same segments own them now, or nobody does."""
        for holders in self._holders.values():
            if session in holders:
                holders.remove(session)
        for segment_id in self._owned.pop(session, {}):
            owner = next(iter(self._holders[segment_id]), None)
            self._owned.setdefault(owner, {})[segment_id] = None
