"""Which steps of its segments a training row uses.

Shapes: ``B`` comparisons, ``L`` steps of a segment, ``C`` steps that remain after cropping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.reward.training.config import TrainerConfig

__all__ = ["Crops", "draw_crops"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crops:
    """The steps that stand for whole segments in training."""

    steps: NDArray[np.int64]
    """``[B, 2, C]`` int64, for each side; where frames are held once, step t consists of frames t to t + F - 1."""
    scale: float
    """Scales a sum over ``C`` steps to one over the whole segment's ``L``."""


def draw_crops(generator: np.random.Generator, config: TrainerConfig, *, num_rows: int, length: int) -> Crops:
    """Crop both segments of each comparison, each at a place of its own, then keep every ``stride``-th step."""
    stride = min(config.stride, length)
    shortest = max(stride, int(length * config.crop_fraction))
    num_kept = int(generator.integers(shortest, length + 1)) // stride
    latest = length - (num_kept - 1) * stride
    starts = generator.integers(latest, size=(num_rows, 2, 1))
    return Crops(steps=starts + stride * np.arange(num_kept), scale=length / num_kept)
