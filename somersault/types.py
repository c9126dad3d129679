"""Value objects that more than one service speaks of.

Legend: T steps, N environments, M truncated transitions in a rollout, A action length.

An *observation* is the F newest *frames* of one environment, F being the task's ``num_frames``. A frame is either
float32 ``[O]`` (then F is 1 and frame and observation are the same) or a grey picture, uint8 ``[H, W]``; or C pictures
of one size at once, *planes*, or pictures together with V numbers, packed into one uint8 array (`somersault.packing`).
Rollouts
and segments hold each frame once: T observations are T + F - 1 consecutive frames, and observation t is frames
t … t + F - 1. Where an episode begins within them, frames of the one before stay in view for F - 1 steps, for the
simulator's policy, the learner and the reward model alike.

An *action* is float32 ``[A]``, each component executed within -1 and 1; or one int32 of ``num_actions``; or D choices
made at once, int32 ``[D]``, each of its own number of ``choice_sizes``.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from somersault.errors import InvalidInputError
from somersault.packing import stored_shape

__all__ = [
    "IDENTITY_PATTERN",
    "ActionArray",
    "BoolArray",
    "DoubleArray",
    "FloatArray",
    "FrameArray",
    "Precision",
    "Preference",
    "Role",
    "Rollout",
    "Segment",
    "StoredSegment",
    "TaskSpec",
    "check_identity",
    "check_name",
    "check_path",
    "clip_key",
    "sealed_key",
    "segment_key",
]

IDENTITY_PATTERN = "^([0-9a-f]{32})?$"
"""What a setting takes for a run's identity: empty, or as `check_identity` has it."""

Precision = Literal["float32", "bfloat16"]
"""What networks for pictures are computed in; a setting, never a guess from the processor."""

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
FrameArray = npt.NDArray[np.float32] | npt.NDArray[np.uint8]
ActionArray = npt.NDArray[np.float32] | npt.NDArray[np.int32]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_IDENTITY = re.compile(r"[0-9a-f]{32}")


def check_name(field: str, value: str) -> str:
    """Gives ``value`` back if it may name a run, a segment or an answer.

    Raises:
        InvalidInputError: it is not 1 to 64 characters of ``[A-Za-z0-9._-]`` beginning with a letter or digit.
    """
    if not _NAME.fullmatch(value):
        bound = "1 to 64 characters of [A-Za-z0-9._-], beginning with a letter or digit"
        raise InvalidInputError(field, value, bound)
    return value


def check_identity(field: str, value: str) -> str:
    """Return ``value`` if it may be a run's identity, which is drawn when the run begins.

    Raises:
        InvalidInputError: it is not 32 lower-case hexadecimal digits.
    """
    if not _IDENTITY.fullmatch(value):
        raise InvalidInputError(field, value, "32 lower-case hexadecimal digits")
    return value


def check_path(field: str, path: Path) -> Path:
    """Return a path that can be printed on one line, stored and sent: file systems take bytes that are no text.

    Raises:
        InvalidInputError: it is not UTF-8, or has control characters.
    """
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in str(path)):
        raise InvalidInputError(
            field, str(path), "a path in UTF-8 without control characters; rename the folder"
        )
    return path


def segment_key(run_id: str, segment_id: str) -> str:
    """Gives the key of a segment's observations, actions and what shows them again."""
    return f"{run_id}/segments/{segment_id}.safetensors"


def sealed_key(run_id: str, segment_id: str) -> str:
    """Gives the key of a segment's sealed teacher part: a prefix only teachers may read."""
    return f"{run_id}/sealed/{segment_id}.safetensors"


def clip_key(run_id: str, segment_id: str) -> str:
    """Gives the key of a segment's clip."""
    return f"{run_id}/clips/{segment_id}.mp4"


class Preference(enum.StrEnum):
    """A labeler's answer, in terms of the sides that labeler saw."""

    LEFT = "left"
    RIGHT = "right"
    EQUAL = "equal"
    INCOMPARABLE = "incomparable"


class Role(enum.StrEnum):
    """What the holder of a token may do."""

    LABELER = "labeler"
    TEACHER = "teacher"
    SERVICE = "service"
    OWNER = "owner"


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
    """V, numbers that are seen together with a picture; 0 of vectors."""
    action_dim: int = 0
    """A, of an action that is a vector; 0 if it is a choice."""
    num_actions: int = 0
    """How many actions there are to choose from; 0 if an action is a vector or several choices."""
    choice_sizes: tuple[int, ...] = ()
    """Of an action of D choices made at once: how many there are of each; empty of any other."""
    episode_steps: int
    """Steps in an episode, always the same where ``still_steps`` is 0, else at most; of a continuing task, steps after
    which an episode counts as over."""
    segment_steps: int
    """Steps in a segment."""
    step_s: float
    """Simulated seconds a step."""
    is_continuing: bool = False
    """Whether play goes on for ever as far as the agent is told: no transition is ever truncated."""
    still_steps: int = 0
    """Where episodes may end early: steps for which an ended one stands still before the next begins; else 0."""

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
        """How many there are to choose from, of each choice that an action is made of; empty if it is a vector."""
        return (self.num_actions,) if self.num_actions else self.choice_sizes

    @property
    def action_width(self) -> int:
        """A of a vector; else how many there are to choose from, of all choices together."""
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
        """O, of a task whose frames are vectors."""
        assert not self.is_image, self.frame_shape
        return self.frame_shape[0]

    @property
    def segment_s(self) -> float:
        """Simulated seconds a segment."""
        return self.segment_steps * self.step_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Transitions gathered by one simulator under exactly one policy version. It holds no true reward."""

    sequence: int
    """Counts this simulator incarnation's rollouts from 0."""
    policy_version: int
    observations: FrameArray
    """``[T + F - 1, N, *frame]``, the newest before each action last."""
    actions: ActionArray
    """``[T, N, A]`` float32, as the policy drew them, or ``[T, N]`` or ``[T, N, D]`` int32."""
    log_probs: FloatArray
    """``[T, N]`` float32, natural logarithm of the density or probability."""
    is_truncated: BoolArray
    """``[T, N]`` bool, the next transition is of another episode: this one reached its length, or its still moment is over."""
    final_observations: FrameArray
    """``[M, *frame]``, the frame after each truncated transition, in row-major order of ``is_truncated``."""
    next_observations: FrameArray
    """``[N, *frame]``, the frame with which the next rollout begins."""
    is_still: BoolArray | None = None
    """``[T, N]`` bool, the environment stood still in this step, since its episode had ended; None where episodes never
    end early."""

    @property
    def num_steps(self) -> int:
        """Environment steps in it: T x N."""
        return int(self.log_probs.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A fixed-length slice of one episode, as far as the agent and the reward model may see it.

    Where the episode ended early within it, the rest is its still moment, prolonged to the segment's length.
    """

    segment_id: str
    observations: FrameArray
    """``[T + F - 1, *frame]``, the newest before each action last."""
    actions: ActionArray
    """``[T, A]`` float32, as the environment executed them, or ``[T]`` or ``[T, D]`` int32; of steps that stand still
    see `somersault.actions`."""
    rollout_sequence: int
    """The rollout within which it ended."""
    policy_version: int
    """The version that chose its last action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSegment:
    """A segment in object storage."""

    segment_id: str
    segment_uri: str
    """Key of observations, actions and what shows them again."""
    sealed_uri: str
    """Key of the sealed teacher part."""
    duration_s: float
    """Simulated seconds."""
