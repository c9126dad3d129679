"""A task as far as the agent may know it: the shapes and types of what it sees and does.

Frames, observations and actions are explained in `somersault.domain.arrays`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from somersault.domain.packing import stored_shape

__all__ = ["TaskSpec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What is to be learned, as far as the agent may know it."""

    task: str
    frame_shape: tuple[int, ...]
    """``(O,)`` of float32, or ``(H, W)`` of a plane, uint8."""
    num_frames: int = 1
    """F, frames that make an observation; 1 unless frames are pictures."""
    num_planes: int = 1
    """C, pictures that are seen at once; 1 unless frames are pictures."""
    num_numbers: int = 0
    """V, numbers that are seen together with a picture; 0 for vectors."""
    action_dim: int = 0
    """A, the length of an action that is a vector; 0 if it is a choice."""
    num_actions: int = 0
    """The number of actions to choose from; 0 if an action is a vector or several choices."""
    choice_sizes: tuple[int, ...] = ()
    """For an action of D choices made at once, the number of options of each; else empty."""
    episode_steps: int
    """Steps in an episode: exactly, if ``still_steps`` is 0, else at most. In a continuing task, the steps after which an
    episode counts as over."""
    segment_steps: int
    """Steps in a segment."""
    step_s: float
    """Simulated seconds a step."""
    is_continuing: bool = False
    """Whether play never ends as far as the agent is told: no transition is ever truncated."""
    still_steps: int = 0
    """If episodes may end early, the steps for which an ended one stands still before the next begins; else 0."""

    @property
    def is_image(self) -> bool:
        """Whether frames are pictures, with or without numbers."""
        return len(self.frame_shape) == 2

    @property
    def stored_shape(self) -> tuple[int, ...]:
        """``*frame``, the shape of a frame's array: ``(O,)``, ``(H, W)`` or, packed, ``(C * H + R, W)``."""
        return stored_shape(self.frame_shape, num_planes=self.num_planes, num_numbers=self.num_numbers)

    @property
    def num_channels(self) -> int:
        """Planes of an observation: C of each of F frames."""
        return self.num_frames * self.num_planes

    @property
    def num_normalised(self) -> int:
        """How many numbers of an observation are normalised: O, or V beside a picture."""
        return self.num_numbers if self.is_image else self.observation_dim

    @property
    def is_discrete(self) -> bool:
        """Whether an action is a choice, or several."""
        return bool(self.choices)

    @property
    def choices(self) -> tuple[int, ...]:
        """The number of options of each choice that an action consists of; empty if it is a vector."""
        return (self.num_actions,) if self.num_actions else self.choice_sizes

    @property
    def action_width(self) -> int:
        """A for a vector; else the number of options of all choices together."""
        return sum(self.choices) or self.action_dim

    @property
    def frame_dtype(self) -> np.dtype[Any]:
        """uint8 or float32."""
        return np.dtype(np.uint8 if self.is_image else np.float32)

    @property
    def action_shape(self) -> tuple[int, ...]:
        """``()``, ``(D,)`` or ``(A,)``."""
        return () if self.num_actions else (len(self.choice_sizes) or self.action_dim,)

    @property
    def action_dtype(self) -> np.dtype[Any]:
        """int32 or float32."""
        return np.dtype(np.int32 if self.is_discrete else np.float32)

    @property
    def observation_dim(self) -> int:
        """O, in a task whose frames are vectors."""
        assert not self.is_image, self.frame_shape
        return self.frame_shape[0]

    @property
    def segment_s(self) -> float:
        """Simulated seconds a segment."""
        return self.segment_steps * self.step_s
