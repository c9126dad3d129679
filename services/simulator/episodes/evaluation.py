"""Measures a policy by the true reward, in fresh episodes.

Shapes: N episodes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from services.simulator.environments import EnvironmentBatch, open_environment
from services.simulator.episodes.scores import EpisodeScore, EpisodeScorer
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import Trace, gather
from services.simulator.segments.recorded_segment import RecordedSegment
from services.simulator.segments.segment_recorder import CompleteSegment, SegmentRecorder
from somersault.domain.arrays import FrameArray
from somersault.domain.trajectory import Segment
from somersault.errors import UnavailableError
from somersault.tasks import Task

__all__ = ["Evaluation", "evaluate"]

_MAX_PASSAGE_STEPS = 512  # bounds what is held in memory of games that take tens of thousands of steps
_MAX_KEPT_S = 30.0  # of a continuing task: a game of pictures would fill the memory
_MAX_KEPT_BYTES = 512 << 20  # of frames: 76 half minutes of games, or 7 of ten thousand steps


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How each episode went."""

    scores: tuple[EpisodeScore, ...]
    """One per episode."""
    best_episodes: tuple[RecordedSegment, ...]
    """Whole episodes as segments, or the first half minute of a continuing task; best true return first."""


def evaluate(
    policy: Policy,
    task: Task,
    *,
    num_episodes: int,
    seed: int,
    is_stochastic: bool = False,
    num_kept_episodes: int = 1,
    is_kept_whole: bool = False,
    name: str = "episode",
    num_threads: int = 1,
    is_unwanted: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Run episodes side by side; the same arguments give the same result.

    Args:
        policy: Acts.
        task: What is simulated.
        num_episodes: N.
        seed: Seeds starts and action noise.
        is_stochastic: Whether actions are drawn; otherwise the likeliest is taken.
        num_kept_episodes: How many of the best episodes are kept, of those of recorded environments.
        is_kept_whole: Whether all of a continuing task's episode is kept, not only its first half minute.
        name: Prefix of the kept episodes' names.
        num_threads: Lanes stepped side by side.
        is_unwanted: Whether nobody waits for the result any more; asked between passages.

    Raises:
        UnavailableError: Nobody waits for it any more.
    """
    rng = np.random.default_rng(seed)
    environment = open_environment(task, num_environments=num_episodes, rng=rng)
    kept_steps = task.episode_steps
    if task.is_continuing and not is_kept_whole:
        kept_steps = min(kept_steps, int(_MAX_KEPT_S / task.step_s))
    episodes = _FirstEpisodes(environment, name=name, kept_steps=kept_steps if num_kept_episodes else 0)
    history: FrameArray | None = None
    try:
        for num_steps in _passages(task.episode_steps):
            _, trace = gather(
                environment,
                policy,
                sequence=0,
                policy_version=0,
                num_steps=num_steps,
                rng=rng,
                is_stochastic=is_stochastic,
                history=history,
                num_threads=num_threads,
            )
            if is_unwanted():
                raise UnavailableError("the evaluation was cancelled")
            history = trace.history
            episodes.add(trace)
            if episodes.is_done:
                break
    finally:
        environment.close()
    return Evaluation(episodes.scores, episodes.best(num_kept_episodes))


def _passages(num_steps: int) -> Sequence[int]:
    """Return the lengths of the passages that an episode is gathered in."""
    whole, rest = divmod(num_steps, _MAX_PASSAGE_STEPS)
    return [_MAX_PASSAGE_STEPS] * whole + [rest] * (rest > 0)


def _kept_rows(environment: EnvironmentBatch, *, kept_steps: int) -> range:
    """Return the environments of which this many steps are kept: all recorded ones, as far as memory allows."""
    spec = environment.task.spec
    row_bytes = kept_steps * math.prod(spec.stored_shape) * spec.frame_dtype.itemsize
    return environment.recorded_rows[: max(1, _MAX_KEPT_BYTES // row_bytes)]


class _FirstEpisodes:
    """Scores, and records, the first episode of each environment."""

    def __init__(self, environment: EnvironmentBatch, *, name: str, kept_steps: int) -> None:
        task, num = environment.task, environment.num_environments
        self._name = name
        self._num = num
        self._may_end_early = task.still_steps > 0
        self._scorer = EpisodeScorer(task, elapsed_steps=np.zeros(num, np.int64))
        self._scores: dict[int, EpisodeScore] = {}
        rows = _kept_rows(environment, kept_steps=kept_steps) if kept_steps else ()
        self._recorders = [SegmentRecorder(row=row, segment_steps=kept_steps) for row in rows]
        self._kept: dict[int, CompleteSegment] = {}
        for recorder in self._recorders:
            recorder.plan([0])

    @property
    def is_done(self) -> bool:
        """Whether each environment's first episode has ended and all that is kept is complete."""
        return len(self._scores) == self._num and len(self._kept) == len(self._recorders)

    @property
    def scores(self) -> tuple[EpisodeScore, ...]:
        """By environment; of an episode that hasn't ended, its score so far."""
        return tuple(self._scores.get(row) or self._scorer.score(row) for row in range(self._num))

    def add(self, trace: Trace) -> None:
        """Add a passage."""
        for row, score in self._scorer.add(trace.passage):
            self._scores.setdefault(row, score)
        for recorder in self._recorders:
            if recorder.row not in self._kept:
                self._record(recorder, trace)

    def _record(self, recorder: SegmentRecorder, trace: Trace) -> None:
        """Record an environment's steps: all of them, or up to its end if it ended early."""
        end, overs = len(trace.actions), np.flatnonzero(trace.passage.is_over[:, recorder.row])
        is_over = self._may_end_early and len(overs) > 0
        if is_over:
            end = int(overs[0]) + 1
        complete: CompleteSegment | None = None
        for complete in recorder.record(trace, begin=0, end=end):
            self._kept[recorder.row] = complete
        if complete is None and is_over:
            complete = recorder.finish(trace.passage.footage)
            assert complete is not None, "nothing was begun"
            self._kept[recorder.row] = complete

    def best(self, num_episodes: int) -> tuple[RecordedSegment, ...]:
        """Return the best of what is kept as segments, best true return first."""
        scores = self.scores
        returns = [score.true_return for score in scores]
        mean, std = float(np.mean(returns)), float(np.std(returns))
        best = sorted(self._kept, key=lambda row: -returns[row])[:num_episodes]
        return tuple(self._segment(row, mean=mean, std=std) for row in best)

    def _segment(self, row: int, *, mean: float, std: float) -> RecordedSegment:
        """Return what is kept of an environment as a segment."""
        kept = self._kept[row]
        segment = Segment(
            segment_id=f"{self._name}-{row:04d}",
            observations=kept.frames,
            actions=kept.actions,
            rollout_sequence=0,
            policy_version=0,
        )
        return RecordedSegment(
            segment=segment,
            footage=kept.footage,
            true_rewards=kept.true_rewards,
            recent_return_mean=mean,
            recent_return_std=std,
        )
