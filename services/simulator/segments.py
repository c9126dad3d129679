"""Segments as the simulator holds them: with physics states and true rewards, until asked for.

Shapes: T steps of a segment, S physics state.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from somersault.errors import InvalidInputError
from somersault.types import DoubleArray, FloatArray, Segment

__all__ = ["Offer", "OfferRing", "RecordedSegment", "draw_offsets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSegment:
    """Holds a segment with what it needs to be drawn again and judged by a teacher."""

    segment: Segment
    """What the agent and the reward model may see."""
    states: DoubleArray
    """``[T + 1, S]`` float64, before each action and after the last."""
    true_rewards: FloatArray
    """``[T]`` float32."""
    recent_return_mean: float
    """Mean true return of the newest segments when this one was cut."""
    recent_return_std: float
    """Their standard deviation: the scale on which a teacher calls two segments equal."""

    @property
    def true_return(self) -> float:
        """Sum of the true rewards."""
        return float(self.true_rewards.sum(dtype=np.float64))


@dataclass(frozen=True, slots=True)
class Offer:
    """Holds the segments that ended within one rollout; there may be none."""

    rollout_sequence: int
    segments: Sequence[RecordedSegment]


class OfferRing:
    """Keeps the newest offers, bounded by the number of their segments; not thread-safe.

    A reward service that comes back, or comes late, is offered again what is still here.
    """

    def __init__(self, max_segments: int) -> None:
        """Begins empty; beyond ``max_segments`` the oldest offers are forgotten."""
        if max_segments < 1:
            raise InvalidInputError("max_segments", max_segments, "at least 1")
        self._max_segments = max_segments
        self._offers: OrderedDict[int, Offer] = OrderedDict()
        self._segments: dict[str, RecordedSegment] = {}

    def add(self, offer: Offer) -> None:
        """Keeps an offer, newer than all before."""
        self._offers[offer.rollout_sequence] = offer
        self._segments.update({kept.segment.segment_id: kept for kept in offer.segments})
        # Offers without segments are bounded too: each counts as one.
        while len(self._offers) > 1 and (
            len(self._segments) > self._max_segments or len(self._offers) > self._max_segments
        ):
            _, oldest = self._offers.popitem(last=False)
            for kept in oldest.segments:
                del self._segments[kept.segment.segment_id]

    def after(self, rollout_sequence: int) -> Offer | None:
        """Gives the oldest offer of a later rollout than this; None when there is none yet."""
        newest = next(reversed(self._offers), -1)
        following = rollout_sequence + 1
        if following in self._offers:
            return self._offers[following]
        if newest <= rollout_sequence:
            return None
        return next(offer for key, offer in self._offers.items() if key > rollout_sequence)

    def get(self, segment_id: str) -> RecordedSegment | None:
        """Gives a segment that was offered; None once it is forgotten."""
        return self._segments.get(segment_id)

    def __len__(self) -> int:
        """Gives the number of segments kept."""
        return len(self._segments)


def draw_offsets(
    rng: np.random.Generator, *, episode_steps: int, segment_steps: int, num_segments: int
) -> list[int]:
    """Draws where in an episode its segments begin: all that fit, without overlap, rising.

    The free steps are shared out uniformly: sorted uniform draws from 0 … slack, each shifted by the
    segments before it.
    """
    num_fitting = min(num_segments, episode_steps // segment_steps)
    slack = episode_steps - num_fitting * segment_steps
    gaps = np.sort(rng.integers(0, slack + 1, size=num_fitting))
    return [int(gap) + index * segment_steps for index, gap in enumerate(gaps)]
