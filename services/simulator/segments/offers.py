"""Segments as the simulator holds them: with footage and true rewards, until asked for.

Shapes: T steps of a segment.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FloatArray
from somersault.domain.trajectory import Segment
from somersault.errors import InvalidInputError

__all__ = ["Offer", "OfferRing", "RecordedSegment", "draw_offsets"]

_MAX_BYTES = 512 << 20  # segments of pictures take 0.2 MB each: more than two thousand of them


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSegment:
    """Holds a segment with what it needs to be drawn again and judged by a teacher."""

    segment: Segment
    """What the agent and the reward model may see."""
    footage: Mapping[str, NDArray[Any]]
    """What shows it again, by name; see `services.simulator.environments.footage_layout`."""
    true_rewards: FloatArray
    """``[T]`` float32."""
    recent_return_mean: float
    """Mean true return of the newest segments when this one was cut."""
    recent_return_std: float
    """Their standard deviation: the scale on which a teacher calls two segments equal."""

    @property
    def num_bytes(self) -> int:
        """What its arrays take."""
        arrays = (self.segment.observations, self.segment.actions, self.true_rewards, *self.footage.values())
        return sum(array.nbytes for array in arrays)

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
    """Keeps the newest offers, bounded by number and size of their segments; not thread-safe.

    A reward service that comes back, or comes late, is offered again what is still here.
    """

    def __init__(self, max_segments: int, *, max_bytes: int = _MAX_BYTES) -> None:
        """Begins empty; beyond ``max_segments`` or ``max_bytes`` the oldest offers are forgotten."""
        if max_segments < 1:
            raise InvalidInputError("max_segments", max_segments, "at least 1")
        self._max_segments = max_segments
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._offers: OrderedDict[int, Offer] = OrderedDict()
        self._segments: dict[str, RecordedSegment] = {}

    def add(self, offer: Offer) -> None:
        """Keeps an offer, newer than all before."""
        self._offers[offer.rollout_sequence] = offer
        self._segments.update({kept.segment.segment_id: kept for kept in offer.segments})
        self._num_bytes += sum(kept.num_bytes for kept in offer.segments)
        while len(self._offers) > 1 and self._is_too_full():
            _, oldest = self._offers.popitem(last=False)
            for kept in oldest.segments:
                del self._segments[kept.segment.segment_id]
                self._num_bytes -= kept.num_bytes

    def _is_too_full(self) -> bool:
        """Says whether the oldest must go; offers without segments are bounded too: each counts as one."""
        num_kept = max(len(self._segments), len(self._offers))
        return num_kept > self._max_segments or self._num_bytes > self._max_bytes

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
