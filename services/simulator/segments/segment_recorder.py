"""One environment's segments, filled in as its steps come.

Shapes: t steps of a piece, F frames of an observation, ``*frame`` the axes of a frame.
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

__all__ = ["FilmedRow", "FullSegment", "OpenSegment"]


@dataclass(frozen=True, slots=True)
class FullSegment:
    """All steps of a segment, copied."""

    frames: FrameArray
    """``[T + F - 1, *frame]``."""
    actions: ActionArray
    true_rewards: FloatArray
    footage: Arrays


@dataclass(slots=True)
class OpenSegment:
    """A segment whose last step has not come yet."""

    num_missing: int
    frames: list[NDArray[Any]] = field(default_factory=list)
    actions: list[NDArray[Any]] = field(default_factory=list)
    true_rewards: list[FloatArray] = field(default_factory=list)
    footage: list[Arrays] = field(default_factory=list)
    num_still_steps: int = 0

    def add(self, trace: Trace, *, row: int, begin: int, end: int) -> None:
        """Takes copies of some steps of a rollout."""
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
        """Fill up with steps like the last one, which stood still; whatever shows it shows it for so long."""
        num_more = self.num_missing
        for pieces in (self.frames, self.actions):
            pieces.append(np.repeat(pieces[-1][-1:], num_more, axis=0))
        self.true_rewards.append(np.zeros(num_more, np.float32))
        self.num_missing = 0

    def close(self, footage: Footage) -> FullSegment:
        """Joins the pieces."""
        return FullSegment(
            np.concatenate(self.frames),
            np.concatenate(self.actions),
            np.concatenate(self.true_rewards),
            footage.join(self.footage),
        )


class FilmedRow:
    """Cuts planned segments from one environment's steps; it holds no more than those that are open."""

    def __init__(self, *, row: int, segment_steps: int) -> None:
        """Begins with nothing planned."""
        self.row = row
        self._segment_steps = segment_steps
        self._begins: deque[int] = deque()
        self._open: OpenSegment | None = None
        self._num_steps = 0

    def plan(self, offsets: list[int]) -> None:
        """Plans segments that begin so many steps from here, rising, without overlap."""
        self._begins.extend(self._num_steps + offset for offset in offsets)

    def record(self, trace: Trace, *, begin: int, end: int) -> list[FullSegment]:
        """Goes on by some steps of a rollout and gives the segments that they complete."""
        shift = begin - self._num_steps
        self._num_steps += end - begin
        full = []
        if self._open is not None:
            full += self._fill(self._open, trace, begin, end)
        while self._begins and self._begins[0] < self._num_steps:
            self._open = OpenSegment(self._segment_steps)
            full += self._fill(self._open, trace, self._begins.popleft() + shift, end)
        return full

    def finish(self, footage: Footage) -> FullSegment | None:
        """Close the segment that is open as it is, and return it; None where there is none."""
        opened, self._open = self._open, None
        return opened.close(footage) if opened is not None else None

    def _fill(self, opened: OpenSegment, trace: Trace, begin: int, end: int) -> list[FullSegment]:
        """Goes on with the segment that is open, and closes it if that completes it."""
        opened.add(trace, row=self.row, begin=begin, end=min(end, begin + opened.num_missing))
        if opened.num_missing:
            return []
        self._open = None
        return [opened.close(trace.passage.footage)]
