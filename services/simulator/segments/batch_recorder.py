"""Cuts segments from the rollouts of a batch of environments and scores their episodes by the true reward.

Shapes: T steps of a rollout or a segment, N environments.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.simulator.episodes.scores import EpisodeScore, EpisodeScorer
from services.simulator.rollouts.rollout import Trace
from services.simulator.segments.early_end_recorder import EarlyEndRecorder
from services.simulator.segments.offers import Offer
from services.simulator.segments.recorded_segment import RecordedSegment
from services.simulator.segments.segment_recorder import CompleteSegment, SegmentRecorder, draw_offsets
from somersault.domain.trajectory import Segment
from somersault.tasks import Task

__all__ = ["BatchRecorder"]

_NUM_SCORES = 100  # episodes that count as recent
_NUM_RETURNS = 1000  # as many as the reward service's pool, from which queries are chosen; our measurements
_CUT_SHARE = 4  # of a continuing task one step in four is cut, so that pool and stream hold minutes of it


@dataclass(frozen=True, slots=True)
class _Scale:
    """Mean and spread of recent segments' true returns."""

    mean: float
    std: float

    @classmethod
    def of(cls, returns: deque[float]) -> _Scale:
        """Measure the returns; without any, mean and spread are 0."""
        return cls(float(np.mean(returns)), float(np.std(returns))) if returns else cls(0.0, 0.0)


class BatchRecorder:
    """Records the consecutive rollouts of one batch; not thread-safe.

    A segment is cut as soon as its last step has come, so that it is offered with the rollout within which it
    ended. Each segment lies within one episode; `services.simulator.segments.early_end_recorder` handles
    those that may end early. A continuing task's segments are cut from stretches of a fixed length, whatever
    ends within them.
    """

    def __init__(
        self,
        task: Task,
        *,
        incarnation: str,
        elapsed_steps: NDArray[np.int64],
        recorded_rows: range,
        rng: np.random.Generator,
        num_segments_per_episode: int = 2,
    ) -> None:
        """Begin where the batch stands.

        Args:
            task: What is simulated.
            incarnation: Prefix of each segment's name.
            elapsed_steps: ``[N]``, how many steps each environment's episode has taken.
            recorded_rows: The environments from which segments are cut.
            rng: Draws where segments begin.
            num_segments_per_episode: How many segments are cut from an episode if they fit.
        """
        self._task = task
        self._incarnation = incarnation
        self._rng = rng
        self._num_segments = num_segments_per_episode
        # If only some environments are recorded, more is cut from those: as much in all, as far as it reaches.
        sparseness = max(1, _CUT_SHARE * len(recorded_rows) // len(elapsed_steps))
        self._stretch_steps = task.episode_steps
        if task.is_continuing:
            self._stretch_steps = sparseness * num_segments_per_episode * task.segment_steps
        self._num_cut = 0
        self._recent_returns: deque[float] = deque(maxlen=_NUM_RETURNS)
        self._scores: deque[EpisodeScore] = deque(maxlen=_NUM_SCORES)
        self._scorer = EpisodeScorer(task, elapsed_steps=elapsed_steps)
        self._early_end_recorders: Sequence[EarlyEndRecorder] = ()
        self._segment_recorders: Sequence[SegmentRecorder] = ()
        self._steps_left: list[int] = []
        if task.still_steps:
            self._early_end_recorders = [
                EarlyEndRecorder(row=row, segment_steps=task.segment_steps, sparseness=sparseness, rng=rng)
                for row in recorded_rows
            ]
            return
        self._segment_recorders = [
            SegmentRecorder(row=row, segment_steps=task.segment_steps) for row in recorded_rows
        ]
        self._steps_left = [self._stretch_steps - int(elapsed_steps[row]) for row in recorded_rows]
        for recorder, steps_left in zip(self._segment_recorders, self._steps_left, strict=True):
            self._plan(recorder, steps_left)

    @property
    def recent_scores(self) -> tuple[EpisodeScore, ...]:
        """The newest finished episodes, at most 100, oldest first."""
        return tuple(self._scores)

    def record(self, trace: Trace) -> Offer:
        """Record a rollout and return the segments that ended within it, by environment then time."""
        self._scores += [score for _, score in self._scorer.add(trace.passage)]
        ended: list[CompleteSegment] = []
        for early_end_recorder in self._early_end_recorders:
            ended += early_end_recorder.record(trace)
        for index, recorder in enumerate(self._segment_recorders):
            for begin, end in self._split(index, len(trace.actions)):
                ended += recorder.record(trace, begin=begin, end=end)
                if self._steps_left[index] == 0:
                    self._steps_left[index] = self._stretch_steps
                    self._plan(recorder, self._stretch_steps)
        returns = (float(segment.true_rewards.sum()) for segment in ended)
        # One that isn't finite would hide the scale of all others.
        self._recent_returns += filter(math.isfinite, returns)
        scale = _Scale.of(self._recent_returns)
        named = [self._name(segment, trace, scale) for segment in ended]
        return Offer(trace.sequence, named, env_steps=math.prod(trace.actions.shape[:2]))

    def _split(self, index: int, num_steps: int) -> Iterator[tuple[int, int]]:
        """Yield the steps of a rollout in pieces that end where an episode or stretch does."""
        begin = 0
        while begin < num_steps:
            end = min(num_steps, begin + self._steps_left[index])
            self._steps_left[index] -= end - begin
            yield begin, end
            begin = end

    def _plan(self, recorder: SegmentRecorder, num_steps: int) -> None:
        """Draw where the segments of the rest of an episode begin."""
        offsets = draw_offsets(
            self._rng,
            episode_steps=num_steps,
            segment_steps=self._task.segment_steps,
            num_segments=self._num_segments,
        )
        recorder.plan(offsets)

    def _name(self, complete: CompleteSegment, trace: Trace, scale: _Scale) -> RecordedSegment:
        """Give a segment its name and the scale of returns of its time."""
        segment = Segment(
            segment_id=f"{self._incarnation}-{self._num_cut:08d}",
            observations=complete.frames,
            actions=complete.actions,
            rollout_sequence=trace.sequence,
            policy_version=trace.policy_version,
        )
        self._num_cut += 1
        return RecordedSegment(
            segment=segment,
            footage=complete.footage,
            true_rewards=complete.true_rewards,
            recent_return_mean=scale.mean,
            recent_return_std=scale.std,
        )
