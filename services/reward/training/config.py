"""How the ensemble is trained: settings with their sources."""

from __future__ import annotations

import pydantic

from somersault.numerics.precision import Precision
from somersault.runtime.config import COMPONENT, Component

__all__ = ["PictureTrainerConfig", "TrainerConfig"]

_MAX_STRIDE = 10_000  # no segment is longer


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=COMPONENT)
class TrainerConfig(Component):
    """How the ensemble is trained; a round costs the same however many labels are stored."""

    learning_rate: float = pydantic.Field(default=1e-3, gt=0, le=1)
    """AdamW's step size; our measurements."""
    weight_decay: float = pydantic.Field(default=1e-4, ge=0, le=1)
    """AdamW's decoupled weight decay, per step and unit of learning rate; our measurements."""
    first_round_steps: int = pydantic.Field(default=100, ge=1, le=1_000_000)
    """Gradient steps of the first round, when the ensemble knows nothing yet; our measurements."""
    round_steps: int = pydantic.Field(default=15, ge=1, le=1_000_000)
    """Gradient steps of each later round; our measurements."""
    max_afresh_steps: int = pydantic.Field(default=2000, ge=1, le=10_000_000)
    """Most gradient steps when everything is learned again because weights of labelers changed: a few seconds. Fewer if
    all rounds so far took fewer; our choice."""
    minibatch_size: int = pydantic.Field(default=64, ge=1, le=65_536)
    """Comparisons in a gradient step, drawn with replacement; our measurements."""
    crop_fraction: float = pydantic.Field(default=0.8, gt=0, le=1)
    """Least share of a segment's steps that a training row keeps (temporal cropping, SURF, arXiv
    2203.10050, section 4.2); 1: whole segments."""
    stride: int = pydantic.Field(default=4, ge=1, le=_MAX_STRIDE)
    """Every n-th step of a crop is scored, its phase drawn anew each time; neighbours 8 ms
    apart look alike, so a sum over a quarter of them costs a quarter and says the same."""
    is_bootstrapped: bool = True
    """Each member weights each comparison by its own Poisson(1) draw, the online bootstrap (Oza and
    Russell 2001); Christiano et al. 2017 resample per member."""
    precision: Precision = "float32"
    """What a network for pictures computes its gradient steps in: float32, or bfloat16, which is faster on processors that
    have instructions for it and slower on others. Scores are computed in float32 in any case."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=COMPONENT)
class PictureTrainerConfig(TrainerConfig):
    """How the ensemble is trained on pictures: a step costs 20 times as much, so there are fewer of them."""

    first_round_steps: int = pydantic.Field(default=60, ge=1, le=1_000_000)
    """Gradient steps of the first round, when the ensemble knows nothing yet; our measurements. Christiano et al. 2017,
    appendix A.2, train 200 epochs on 500 labels."""
    round_steps: int = pydantic.Field(default=4, ge=1, le=1_000_000)
    """Gradient steps of each later round; our measurements."""
    max_afresh_steps: int = pydantic.Field(default=400, ge=1, le=10_000_000)
    """Most gradient steps when everything is learned again because weights of labelers changed: half a minute. Fewer if
    all rounds so far took fewer; our choice."""
    minibatch_size: int = pydantic.Field(default=16, ge=1, le=65_536)
    """Comparisons in a gradient step, drawn with replacement; our measurements."""
    stride: int = pydantic.Field(default=6, ge=1, le=_MAX_STRIDE)
    """Every n-th step of a crop is scored, its phase drawn anew each time; our measurements: 3 or 4 of 25 steps."""
