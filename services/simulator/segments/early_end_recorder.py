"""Cuts one environment's segments where episodes may end early.

An episode is cut into segments one after the other, beginning with its first step. None reaches past its end.
If the episode ended early, the last segment shows the end and then the still moment, prolonged to the
segment's length; if it reached its full length, a remainder too short for a segment is left out.

Shapes: T steps of a segment.
"""

from __future__ import annotations

import numpy as np

from services.simulator.rollouts.rollout import Trace
from services.simulator.segments.segment_recorder import CompleteSegment, OpenSegment

__all__ = ["EarlyEndRecorder"]

_LEAST_LIVE_SHARE = 4  # a quarter: a clip that begins just before the end shows nothing of what led to it


class EarlyEndRecorder:
    """Cuts segments from one environment's steps; holds no more than the one that is open."""

    def __init__(self, *, row: int, segment_steps: int, sparseness: int, rng: np.random.Generator) -> None:
        """Begin with an episode.

        Args:
            row: Which environment of the batch.
            segment_steps: T.
            sparseness: About one step in this many is cut.
            rng: Draws which steps are left out.
        """
        self._row = row
        self._segment_steps = segment_steps
        self._sparseness = sparseness
        self._rng = rng
        self._open: OpenSegment | None = None
        self._is_from_start = True
        self._num_to_skip = 0
        self._begin_episode()

    def record(self, trace: Trace) -> list[CompleteSegment]:
        """Record a rollout and return the segments that it completes."""
        complete: list[CompleteSegment] = []
        begin = 0
        for last in np.flatnonzero(trace.passage.is_over[:, self._row]).tolist():
            complete += self._go_on(trace, begin, last + 1)
            complete += self._end_episode(trace)
            begin = last + 1
        return complete + self._go_on(trace, begin, len(trace.actions))

    def _go_on(self, trace: Trace, begin: int, end: int) -> list[CompleteSegment]:
        """Record some steps of one episode."""
        complete = []
        while begin < end:
            if self._open is None:
                num_skipped = min(self._num_to_skip, end - begin)
                self._num_to_skip -= num_skipped
                begin += num_skipped
                if begin == end or trace.passage.is_still[begin, self._row]:
                    break
                self._open = OpenSegment(self._segment_steps)
            stop = min(end, begin + self._open.num_missing)
            self._open.add(trace, row=self._row, begin=begin, end=stop)
            begin = stop
            if not self._open.num_missing:
                complete.append(self._open.close(trace.passage.footage))
                self._begin_gap()
        return complete

    def _end_episode(self, trace: Trace) -> list[CompleteSegment]:
        """Close what is open if it shows an early end, and begin an episode."""
        opened, is_from_start = self._open, self._is_from_start
        self._begin_episode()
        if opened is None or not opened.num_still_steps:
            return []
        num_live = self._segment_steps - opened.num_missing - opened.num_still_steps
        if not is_from_start and num_live * _LEAST_LIVE_SHARE < self._segment_steps:
            return []
        opened.prolong()
        return [opened.close(trace.passage.footage)]

    def _begin_episode(self) -> None:
        """Draw how many whole segments are left out at the beginning of an episode."""
        self._open = None
        num_left_out = int(self._rng.integers(self._sparseness))
        self._is_from_start = num_left_out == 0
        self._num_to_skip = num_left_out * self._segment_steps

    def _begin_gap(self) -> None:
        """Draw how many steps are left out after a segment: on average what sparseness asks for, and a few more."""
        self._open = None
        self._is_from_start = False
        num_left_out = int(self._rng.integers(2 * self._sparseness - 1))
        shift = int(self._rng.integers(self._segment_steps // 2 + 1))
        self._num_to_skip = num_left_out * self._segment_steps + shift
