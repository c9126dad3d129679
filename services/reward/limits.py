"""What the settings come to for a task: how much is kept, scored and trained on."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from services.reward.config import RewardConfig
from services.reward.segments.layout import SegmentLayout
from services.reward.training.config import TrainerConfig
from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError

__all__ = [
    "ScoredPart",
    "check",
    "comparisons_capacity",
    "fitting_capacity",
    "pool_capacity",
    "scored_part",
    "trainer_config_for",
]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPart:
    """How much of the pool is scored to choose queries."""

    steps: slice = field(default_factory=lambda: slice(None))
    """Which steps of each segment."""
    max_segments: int | None = None
    """Of how many segments at most; None: all."""


def fitting_capacity(capacity: int, *, field: str, max_bytes: int, each_bytes: int) -> int:
    """Gives ``capacity``, or as many as fit into ``max_bytes`` if those are fewer.

    Args:
        capacity: how many are wished for.
        field: the setting that ``max_bytes`` is.
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


def pool_capacity(config: RewardConfig, layout: SegmentLayout) -> int:
    """Return how many segments the pool holds.

    Raises:
        ConfigError: not even two fit.
    """
    return fitting_capacity(
        config.pool_capacity,
        field="max_pool_bytes",
        max_bytes=config.max_pool_bytes,
        each_bytes=layout.segment_bytes,
    )


def comparisons_capacity(config: RewardConfig, layout: SegmentLayout) -> int:
    """Return how many comparisons are kept.

    Raises:
        ConfigError: not even two fit.
    """
    return fitting_capacity(
        config.comparisons_capacity,
        field="max_comparisons_bytes",
        max_bytes=config.max_comparisons_bytes,
        each_bytes=2 * layout.segment_bytes,
    )


def check(config: RewardConfig, spec: TaskSpec) -> None:
    """Check that the settings fit a task.

    Raises:
        ConfigError: they don't; says which and why.
    """
    layout = SegmentLayout(spec)
    capacity = pool_capacity(config, layout)
    if capacity < config.min_pool_segments:
        least = config.min_pool_segments * layout.segment_bytes
        raise ConfigError(
            f"max_pool_bytes is {config.max_pool_bytes}, must be at least {least}: min_pool_segments,"
            f" {config.min_pool_segments}, of {layout.segment_bytes} bytes"
        )
    comparisons_capacity(config, layout)
    trainer_config_for(config, layout)


def scored_part(config: RewardConfig, layout: SegmentLayout) -> ScoredPart:
    """Gives all of it where frames are vectors; of pictures as much as one query may cost."""
    if not layout.is_image:
        return ScoredPart()
    stride = min(config.picture_trainer.stride, layout.num_steps)
    steps = slice((layout.num_steps - 1) % stride // 2, None, stride)  # in the middle of what they stand for
    num_steps = len(range(layout.num_steps)[steps])
    return ScoredPart(steps=steps, max_segments=max(2, config.max_scored_pictures // num_steps))


def trainer_config_for(config: RewardConfig, layout: SegmentLayout) -> TrainerConfig:
    """Gives the settings of training that are for this task's frames.

    Raises:
        ConfigError: the others were set, which would have no effect.
    """
    if layout.is_image:
        _refuse_change("trainer", config.trainer, "picture_trainer")
        return config.picture_trainer
    _refuse_change("picture_trainer", config.picture_trainer, "trainer")
    return config.trainer


def _refuse_change(field: str, value: TrainerConfig, other: str) -> None:
    if value != type(value)():
        raise ConfigError(f"{field} has no effect on task frames of this kind; set {other} instead")
