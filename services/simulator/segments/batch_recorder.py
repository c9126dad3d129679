"""Cuts segments from the steps of a batch and scores its episodes by the true reward.

Shapes: T steps of a rollout or a segment, N environments.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.simulator.episodes.scores import EpisodeScore, ScoreKeeper
from services.simulator.rollouts.rollout import Trace
from services.simulator.segments.early_end_recorder import EndingRow
from services.simulator.segments.offers import Offer, RecordedSegment, draw_offsets
from services.simulator.segments.segment_recorder import FilmedRow, FullSegment
from somersault.domain.trajectory import Segment
from somersault.tasks import Task

__all__ = ["EpisodeRecorder"]

_NUM_SCORES = 100  # episodes that count as recent
_NUM_RETURNS = 1000  # as many as the pool of the reward service: what queries are chosen from; own runs
_CUT_SHARE = 4  # of play without an end one step in four is cut, so that pool and stream hold minutes of it


@dataclass(frozen=True, slots=True)
class _Scale:
    """Says how recent segments' true returns are spread."""

    mean: float
    std: float

    @classmethod
    def of(cls, returns: deque[float]) -> _Scale:
        """Measures the returns; none at all have mean and spread 0."""
        return cls(float(np.mean(returns)), float(np.std(returns))) if returns else cls(0.0, 0.0)


class EpisodeRecorder:
    """Takes the traces of consecutive rollouts of one batch; not thread-safe.

    A segment is cut as soon as its last step is in, so that it is offered with the rollout within
    which it ended. Each segment lies within one episode (of those that may end early see
    `services.simulator.segments.early_end_recorder`); of play without an end, segments are cut from stretches of a fixed
    length, whatever ends within them.
    """

    def __init__(
        self,
        task: Task,
        *,
        incarnation: str,
        elapsed_steps: NDArray[np.int64],
        filmed_rows: range,
        rng: np.random.Generator,
        num_segments_per_episode: int = 2,
    ) -> None:
        """Begins where the batch stands.

        Args:
            task: What is simulated.
            incarnation: Begins the name of each segment.
            elapsed_steps: ``[N]`` where each environment's episode stands.
            filmed_rows: The environments from which segments are cut.
            rng: Draws where segments begin.
            num_segments_per_episode: How many segments are cut where they fit.
        """
        self._task = task
        self._incarnation = incarnation
        self._rng = rng
        self._num_segments = num_segments_per_episode
        # Where only some environments are filmed, more is cut of those: as much in all, as far as there is enough.
        sparseness = max(1, _CUT_SHARE * len(filmed_rows) // len(elapsed_steps))
        self._stretch_steps = task.episode_steps
        if task.is_continuing:
            self._stretch_steps = sparseness * num_segments_per_episode * task.segment_steps
        self._num_cut = 0
        self._recent_returns: deque[float] = deque(maxlen=_NUM_RETURNS)
        self._scores: deque[EpisodeScore] = deque(maxlen=_NUM_SCORES)
        self._score_keeper = ScoreKeeper(task, elapsed_steps=elapsed_steps)
        self._ending_rows: Sequence[EndingRow] = ()
        self._rows: Sequence[FilmedRow] = ()
        self._steps_left: list[int] = []
        if task.still_steps:
            self._ending_rows = [
                EndingRow(row=row, segment_steps=task.segment_steps, sparseness=sparseness, rng=rng)
                for row in filmed_rows
            ]
            return
        self._rows = [FilmedRow(row=row, segment_steps=task.segment_steps) for row in filmed_rows]
        self._steps_left = [self._stretch_steps - int(elapsed_steps[row]) for row in filmed_rows]
        for row, steps_left in zip(self._rows, self._steps_left, strict=True):
            self._plan(row, steps_left)

    @property
    def recent_scores(self) -> tuple[EpisodeScore, ...]:
        """The newest finished episodes, at most 100, oldest first."""
        return tuple(self._scores)

    def record(self, trace: Trace) -> Offer:
        """Goes on with each episode and gives the segments that ended, by environment then time."""
        self._scores += [score for _, score in self._score_keeper.add(trace.passage)]
        ended: list[FullSegment] = []
        for ending_row in self._ending_rows:
            ended += ending_row.record(trace)
        for index, row in enumerate(self._rows):
            for begin, end in self._split(index, len(trace.actions)):
                ended += row.record(trace, begin=begin, end=end)
                if self._steps_left[index] == 0:
                    self._steps_left[index] = self._stretch_steps
                    self._plan(row, self._stretch_steps)
        returns = (float(full.true_rewards.sum()) for full in ended)
        self._recent_returns += filter(
            math.isfinite, returns
        )  # one that is not would hide the scale of all others
        scale = _Scale.of(self._recent_returns)
        return Offer(trace.sequence, [self._name(full, trace, scale) for full in ended])

    def _split(self, index: int, num_steps: int) -> Iterator[tuple[int, int]]:
        """Gives the steps of a rollout in pieces that end where an episode or stretch does."""
        begin = 0
        while begin < num_steps:
            end = min(num_steps, begin + self._steps_left[index])
            self._steps_left[index] -= end - begin
            yield begin, end
            begin = end

    def _plan(self, row: FilmedRow, num_steps: int) -> None:
        """Draws where the segments of what is left of an episode begin."""
        offsets = draw_offsets(
            self._rng,
            episode_steps=num_steps,
            segment_steps=self._task.segment_steps,
            num_segments=self._num_segments,
        )
        row.plan(offsets)

    def _name(self, full: FullSegment, trace: Trace, scale: _Scale) -> RecordedSegment:
        """Gives a segment its name and the scale of returns of its time."""
        segment = Segment(
            segment_id=f"{self._incarnation}-{self._num_cut:08d}",
            observations=full.frames,
            actions=full.actions,
            rollout_sequence=trace.sequence,
            policy_version=trace.policy_version,
        )
        self._num_cut += 1
        return RecordedSegment(
            segment=segment,
            footage=full.footage,
            true_rewards=full.true_rewards,
            recent_return_mean=scale.mean,
            recent_return_std=scale.std,
        )
