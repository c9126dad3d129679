"""One environment's segments, filled in as its steps come.

Shapes: t steps of a piece, F frames of an observation, ``*frame`` the axes of a frame.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.simulator.environment.batch import Arrays, Footage
from services.simulator.rollout import Trace
from somersault.types import ActionArray, FloatArray, FrameArray

__all__ = ["FilmedRow", "FullSegment"]


@dataclass(frozen=True, slots=True)
class FullSegment:
    """All steps of a segment, copied."""

    frames: FrameArray
    """``[T + F - 1, *frame]``."""
    actions: ActionArray
    true_rewards: FloatArray
    footage: Arrays


@dataclass(slots=True)
class _OpenSegment:
    """A segment whose last step has not come yet."""

    num_missing: int
    frames: list[NDArray[Any]] = field(default_factory=list)
    actions: list[NDArray[Any]] = field(default_factory=list)
    true_rewards: list[FloatArray] = field(default_factory=list)
    footage: list[Arrays] = field(default_factory=list)

    def add(self, trace: Trace, *, row: int, begin: int, end: int) -> None:
        """Takes copies of some steps of a rollout."""
        num_before = len(trace.frames) - len(trace.actions)
        # Frames before the first step's newest belong to the first piece; later pieces have them already.
        first_frame = begin if not self.frames else begin + num_before
        self.frames.append(trace.frames[first_frame : end + num_before, row].copy())
        self.actions.append(trace.actions[begin:end, row].copy())
        self.true_rewards.append(trace.passage.true_rewards[begin:end, row].copy())
        self.footage.append(trace.passage.footage.part(row, begin, end))
        self.num_missing -= end - begin

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
        self._open: _OpenSegment | None = None
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
            self._open = _OpenSegment(self._segment_steps)
            full += self._fill(self._open, trace, self._begins.popleft() + shift, end)
        return full

    def _fill(self, opened: _OpenSegment, trace: Trace, begin: int, end: int) -> list[FullSegment]:
        """Goes on with the segment that is open, and closes it if that completes it."""
        opened.add(trace, row=self.row, begin=begin, end=min(end, begin + opened.num_missing))
        if opened.num_missing:
            return []
        self._open = None
        return [opened.close(trace.passage.footage)]
