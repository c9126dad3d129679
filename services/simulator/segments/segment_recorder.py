"""Cuts one environment's segments from its steps as they come.

Shapes: T steps of a segment, F frames of an observation, ``*frame`` the axes of a frame.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.simulator.environments.batch import Arrays, Footage
from services.simulator.rollouts.rollout import Trace
from somersault.domain.actions import leave_out_still
from somersault.domain.arrays import ActionArray, FloatArray, FrameArray

__all__ = ["CompleteSegment", "OpenSegment", "SegmentRecorder", "draw_offsets"]


@dataclass(frozen=True, slots=True)
class CompleteSegment:
    """All steps of a segment, copied."""

    frames: FrameArray
    """``[T + F - 1, *frame]``."""
    actions: ActionArray
    true_rewards: FloatArray
    footage: Arrays


@dataclass(slots=True)
class OpenSegment:
    """A segment whose last step hasn't come yet."""

    num_missing: int
    frames: list[NDArray[Any]] = field(default_factory=list)
    actions: list[NDArray[Any]] = field(default_factory=list)
    true_rewards: list[FloatArray] = field(default_factory=list)
    footage: list[Arrays] = field(default_factory=list)
    num_still_steps: int = 0

    def add(self, trace: Trace, *, row: int, begin: int, end: int) -> None:
        """Add copies of some steps of a rollout."""
        num_before = len(trace.frames) - len(trace.actions)
        # Frames before the first step's newest belong to the first piece; later pieces have them already.
        first_frame = begin if not self.frames else begin + num_before
        self.frames.append(trace.frames[first_frame : end + num_before, row].copy())
        still = trace.passage.is_still[begin:end, row]
        self.actions.append(leave_out_still(trace.actions[begin:end, row], still))
        self.num_still_steps += int(still.sum())
        self.true_rewards.append(trace.passage.true_rewards[begin:end, row].copy())
        self.footage.append(trace.passage.footage.part(row, begin, end))
        self.num_missing -= end - begin

    def prolong(self) -> None:
        """Fill up with steps like the last one, which stood still; its footage is shown for that long."""
        num_more = self.num_missing
        for pieces in (self.frames, self.actions):
            pieces.append(np.repeat(pieces[-1][-1:], num_more, axis=0))
        self.true_rewards.append(np.zeros(num_more, np.float32))
        self.num_missing = 0

    def close(self, footage: Footage) -> CompleteSegment:
        """Join the pieces."""
        return CompleteSegment(
            np.concatenate(self.frames),
            np.concatenate(self.actions),
            np.concatenate(self.true_rewards),
            footage.join(self.footage),
        )


class SegmentRecorder:
    """Cuts planned segments from one environment's steps; holds no more than the one that is open."""

    def __init__(self, *, row: int, segment_steps: int) -> None:
        """Begin with nothing planned."""
        self.row = row
        self._segment_steps = segment_steps
        self._begins: deque[int] = deque()
        self._open: OpenSegment | None = None
        self._num_steps = 0

    def plan(self, offsets: list[int]) -> None:
        """Plan segments that begin this many steps from here: ascending, without overlap."""
        self._begins.extend(self._num_steps + offset for offset in offsets)

    def record(self, trace: Trace, *, begin: int, end: int) -> list[CompleteSegment]:
        """Record some steps of a rollout and return the segments that they complete."""
        shift = begin - self._num_steps
        self._num_steps += end - begin
        complete = []
        if self._open is not None:
            complete += self._fill(self._open, trace, begin, end)
        while self._begins and self._begins[0] < self._num_steps:
            self._open = OpenSegment(self._segment_steps)
            complete += self._fill(self._open, trace, self._begins.popleft() + shift, end)
        return complete

    def finish(self, footage: Footage) -> CompleteSegment | None:
        """Close the open segment as it is and return it; None if none is open."""
        opened, self._open = self._open, None
        return opened.close(footage) if opened is not None else None

    def _fill(self, opened: OpenSegment, trace: Trace, begin: int, end: int) -> list[CompleteSegment]:
        """Add steps to the open segment, and close it if they complete it."""
        opened.add(trace, row=self.row, begin=begin, end=min(end, begin + opened.num_missing))
        if opened.num_missing:
            return []
        self._open = None
        return [opened.close(trace.passage.footage)]


def draw_offsets(
    rng: np.random.Generator, *, episode_steps: int, segment_steps: int, num_segments: int
) -> list[int]:
    """Draw where in an episode its segments begin: as many as fit, without overlap, ascending.

    The free steps are shared out uniformly: sorted uniform draws from 0 … slack, each shifted by the segments
    before it.
    """
    num_fitting = min(num_segments, episode_steps // segment_steps)
    slack = episode_steps - num_fitting * segment_steps
    gaps = np.sort(rng.integers(0, slack + 1, size=num_fitting))
    return [int(gap) + index * segment_steps for index, gap in enumerate(gaps)]
