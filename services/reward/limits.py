"""What the settings come to for a task: how much is kept, scored and trained on."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from services.reward.segments.layout import SegmentLayout
from services.reward.training.config import TrainerConfig
from somersault.errors import ConfigError

__all__ = ["Limits", "ScoredPart", "fitting_capacity", "scored_part"]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPart:
    """How much of the pool is scored to choose queries."""

    steps: slice = field(default_factory=lambda: slice(None))
    """Which steps of each segment."""
    max_segments: int | None = None
    """How many segments at most; None for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is kept, scored and trained on. `RewardConfig.limits_for` works it out for a task."""

    pool_capacity: int
    """Segments that the pool holds."""
    comparisons_capacity: int
    """Comparisons that are kept."""
    scored: ScoredPart
    """How much of the pool is scored to choose queries."""
    trainer: TrainerConfig
    """How the ensemble is trained on the task's kind of frame."""


def fitting_capacity(capacity: int, *, field: str, max_bytes: int, each_bytes: int) -> int:
    """Return ``capacity``, or as many as fit into ``max_bytes`` if that is fewer.

    Args:
        capacity: how many are wanted.
        field: name of the setting that holds ``max_bytes``.
        max_bytes: bound on their memory.
        each_bytes: memory of one.

    Raises:
        ConfigError: not even two fit.
    """
    fitting = min(capacity, max_bytes // each_bytes)
    if fitting < min(capacity, 2):
        raise ConfigError(
            f"{field} is {max_bytes}, must be at least {2 * each_bytes}: two of {each_bytes} bytes"
        )
    if fitting < capacity:
        _log.info("capacity_reduced", field=field, wanted=capacity, capacity=fitting)
    return fitting


def scored_part(layout: SegmentLayout, *, stride: int, max_pictures: int) -> ScoredPart:
    """Return all of the pool if frames are vectors; of pictures, as much as one query may cost.

    Args:
        layout: the task's segments.
        stride: every ``stride``-th step of a segment of pictures is scored.
        max_pictures: bound on the pictures scored.
    """
    if not layout.is_image:
        return ScoredPart()
    stride = min(stride, layout.num_steps)
    steps = slice((layout.num_steps - 1) % stride // 2, None, stride)  # centred in the segment
    num_steps = len(range(layout.num_steps)[steps])
    return ScoredPart(steps=steps, max_segments=max(2, max_pictures // num_steps))
