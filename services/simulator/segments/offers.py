"""The newest segments, kept while the reward service may still demand them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from services.simulator.segments.recorded_segment import RecordedSegment
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier

__all__ = ["Offer", "OfferRing"]

_MAX_BYTES = 512 << 20  # segments of pictures take 0.2 MB each: more than two thousand of them


@dataclass(frozen=True, slots=True)
class Offer:
    """The segments that ended within one rollout; there may be none."""

    rollout_sequence: int
    segments: Sequence[RecordedSegment]
    env_steps: int = 0
    """Environment steps of the rollout."""


class OfferRing:
    """Keeps the newest offers of one run, bounded by number and size of their segments; belongs to one event loop.

    Gathering adds to it and the stream to the reward service reads from it. Nothing waits for that service:
    while it is away the oldest offers are forgotten, and when it comes back it is offered what is still here.
    """

    def __init__(self, max_segments: int, *, max_bytes: int = _MAX_BYTES) -> None:
        """Begin empty; beyond ``max_segments`` or ``max_bytes`` the oldest offers are forgotten."""
        if max_segments < 1:
            raise InvalidInputError("max_segments", max_segments, "at least 1")
        self.run_id = ""
        """The run whose segments are kept; "" before the first."""
        self._max_segments = max_segments
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._offers: OrderedDict[int, Offer] = OrderedDict()
        self._segments: dict[str, RecordedSegment] = {}
        self._news = Notifier()

    def add(self, offer: Offer, *, run_id: str) -> None:
        """Keep an offer, newer than all before; the first of another run replaces everything."""
        if run_id != self.run_id:
            self.run_id = run_id
            self._forget_all()
        self._offers[offer.rollout_sequence] = offer
        self._segments.update({recorded.segment.segment_id: recorded for recorded in offer.segments})
        self._num_bytes += sum(recorded.num_bytes for recorded in offer.segments)
        while len(self._offers) > 1 and self._is_too_full():
            self._forget_oldest()
        self._news.notify()

    def after(self, rollout_sequence: int) -> Offer | None:
        """Return the oldest offer of a later rollout than this; None if there is none yet."""
        newest = next(reversed(self._offers), -1)
        following = rollout_sequence + 1
        if following in self._offers:
            return self._offers[following]
        if newest <= rollout_sequence:
            return None
        return next(offer for key, offer in self._offers.items() if key > rollout_sequence)

    async def wait_after(self, rollout_sequence: int) -> Offer:
        """Return the oldest offer of a later rollout than this, as soon as there is one."""
        while True:
            change = self._news.next
            offer = self.after(rollout_sequence)
            if offer is not None:
                return offer
            await change.wait()

    def get(self, segment_id: str) -> RecordedSegment | None:
        """Return a segment that was offered; None once it is forgotten."""
        return self._segments.get(segment_id)

    def __len__(self) -> int:
        """Return the number of segments kept."""
        return len(self._segments)

    def _is_too_full(self) -> bool:
        """Return whether the oldest offer must go; one without segments counts as one, so those are bounded too."""
        num_kept = max(len(self._segments), len(self._offers))
        return num_kept > self._max_segments or self._num_bytes > self._max_bytes

    def _forget_oldest(self) -> None:
        _, oldest = self._offers.popitem(last=False)
        for recorded in oldest.segments:
            del self._segments[recorded.segment.segment_id]
            self._num_bytes -= recorded.num_bytes

    def _forget_all(self) -> None:
        self._offers.clear()
        self._segments.clear()
        self._num_bytes = 0
