"""Value objects that more than one service speaks of.

Legend: T steps, N environments, O observation length, A action length, M truncated transitions in a rollout.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from somersault.errors import InvalidInputError

__all__ = [
    "BoolArray",
    "DoubleArray",
    "FloatArray",
    "Preference",
    "Role",
    "Rollout",
    "Segment",
    "StoredSegment",
    "TaskSpec",
    "check_name",
    "clip_key",
    "sealed_key",
    "segment_key",
]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_name(field: str, value: str) -> str:
    """Gives ``value`` back if it may name a run, a segment or an answer.

    Raises:
        InvalidInputError: it is not 1 to 64 characters of ``[A-Za-z0-9._-]`` beginning with a letter or digit.
    """
    if not _NAME.fullmatch(value):
        bound = "1 to 64 characters of [A-Za-z0-9._-], beginning with a letter or digit"
        raise InvalidInputError(field, value, bound)
    return value


def segment_key(run_id: str, segment_id: str) -> str:
    """Gives the key of a segment's observations, actions and physics states."""
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
    observation_dim: int
    """O."""
    action_dim: int
    """A."""
    episode_steps: int
    """Steps in an episode, always the same."""
    segment_steps: int
    """Steps in a segment."""
    step_s: float
    """Simulated seconds a step."""

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
    observations: FloatArray
    """``[T, N, O]`` float32, before each action."""
    actions: FloatArray
    """``[T, N, A]`` float32, as the policy drew them."""
    log_probs: FloatArray
    """``[T, N]`` float32, natural logarithm of the density."""
    is_truncated: BoolArray
    """``[T, N]`` bool, the episode reached its fixed length with this transition."""
    final_observations: FloatArray
    """``[M, O]`` float32, after each truncated transition, in row-major order of ``is_truncated``."""
    next_observations: FloatArray
    """``[N, O]`` float32, where the next rollout begins."""

    @property
    def num_steps(self) -> int:
        """Environment steps in it: T x N."""
        return int(self.log_probs.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A fixed-length slice of one episode, as far as the agent and the reward model may see it."""

    segment_id: str
    observations: FloatArray
    """``[T, O]`` float32, before each action."""
    actions: FloatArray
    """``[T, A]`` float32, as the environment executed them."""
    rollout_sequence: int
    """The rollout within which it ended."""
    policy_version: int
    """The version that chose its last action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSegment:
    """A segment in object storage."""

    segment_id: str
    segment_uri: str
    """Key of observations, actions and physics states."""
    sealed_uri: str
    """Key of the sealed teacher part."""
    duration_s: float
    """Simulated seconds."""
