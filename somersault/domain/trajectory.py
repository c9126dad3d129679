"""Rollouts, which the learner learns from, and segments, which labelers compare.

Legend: T steps, N environments, M truncated transitions in a rollout, A action length. Frames, observations and actions are
explained in `somersault.domain.arrays`.
"""

from __future__ import annotations

from dataclasses import dataclass

from somersault.domain.arrays import ActionArray, BoolArray, FloatArray, FrameArray

__all__ = ["MAX_DURATION_S", "Rollout", "Segment", "StoredSegment"]

MAX_DURATION_S = 1e9
"""Simulated seconds of a segment: thirty years, and milliseconds of it still fit into whatever they are added to."""


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
    """``[T, N]`` bool, whether the next transition belongs to another episode: this one has reached its length, or its still
    steps are over."""
    final_observations: FrameArray
    """``[M, *frame]``, the frame after each truncated transition, in row-major order of ``is_truncated``."""
    next_observations: FrameArray
    """``[N, *frame]``, the frame with which the next rollout begins."""
    is_still: BoolArray | None = None
    """``[T, N]`` bool, whether the environment stood still in this step because its episode had ended; None where episodes
    never end early."""

    @property
    def num_steps(self) -> int:
        """Environment steps in it: T x N."""
        return int(self.log_probs.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A fixed-length slice of one episode, as far as the agent and the reward model may see it.

    If the episode ended early within it, the rest are still steps, up to the segment's length.
    """

    segment_id: str
    observations: FrameArray
    """``[T + F - 1, *frame]``, the newest before each action last."""
    actions: ActionArray
    """``[T, A]`` float32, as the environment executed them, or ``[T]`` or ``[T, D]`` int32; of steps that stand still
    see `somersault.domain.actions`."""
    rollout_sequence: int
    """The rollout within which it ended."""
    policy_version: int
    """The version that chose its last action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSegment:
    """A segment in object storage."""

    segment_id: str
    segment_uri: str
    """Key of its observations, actions and what it is rendered from."""
    sealed_uri: str
    """Key of the sealed teacher part."""
    duration_s: float
    """Simulated seconds."""
