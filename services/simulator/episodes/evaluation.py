"""Measures a policy by the true reward, in fresh episodes of its own.

Shapes: N episodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.simulator.environments import EnvironmentBatch, open_environment
from services.simulator.episodes.scores import EpisodeScore, ScoreKeeper
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import Trace, gather
from services.simulator.segments.offers import RecordedSegment
from services.simulator.segments.segment_recorder import FilmedRow, FullSegment
from somersault.domain.arrays import FrameArray
from somersault.domain.trajectory import Segment
from somersault.tasks import Task

__all__ = ["Evaluation", "evaluate"]

_MAX_PASSAGE_STEPS = 512  # bounds what is held of games that take ten thousands of steps
_MAX_KEPT_S = 30.0  # of play without an end: a game of pictures would fill the memory
_MAX_KEPT_BYTES = 512 << 20  # of frames: 76 half minutes of games, or 7 of ten thousand steps


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Holds how each episode went."""

    scores: tuple[EpisodeScore, ...]
    """One an episode."""
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
) -> Evaluation:
    """Runs episodes side by side; the same arguments give the same result.

    Args:
        policy: Acts.
        task: What is simulated.
        num_episodes: N.
        seed: Seeds starts and action noise.
        is_stochastic: Whether actions are drawn; else the likeliest is taken.
        num_kept_episodes: How many of the best episodes are kept; only filmed environments' can be.
        is_kept_whole: Whether all of a continuing task's episode is kept, not only its first half minute.
        name: Begins the names of the kept episodes.
        num_threads: Lanes stepped side by side.
    """
    rng = np.random.default_rng(seed)
    environment = open_environment(task, num_environments=num_episodes, rng=rng)
    kept_steps = task.episode_steps
    if task.is_continuing and not is_kept_whole:
        kept_steps = min(kept_steps, int(_MAX_KEPT_S / task.step_s))
    watch = _Watch(environment, name=name, kept_steps=kept_steps if num_kept_episodes else 0)
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
            history = trace.history
            watch.add(trace)
            if watch.is_done:
                break
    finally:
        environment.close()
    return Evaluation(watch.scores, watch.best_episodes(num_kept_episodes))


def _passages(num_steps: int) -> Sequence[int]:
    """Splits an episode into passages of bounded length."""
    whole, rest = divmod(num_steps, _MAX_PASSAGE_STEPS)
    return [_MAX_PASSAGE_STEPS] * whole + [rest] * (rest > 0)


def _kept_rows(environment: EnvironmentBatch, *, kept_steps: int) -> range:
    """Return the environments of which so many steps are kept: all that are filmed, as far as memory allows."""
    spec = environment.task.spec
    row_bytes = kept_steps * math.prod(spec.stored_shape) * spec.frame_dtype.itemsize
    return environment.filmed_rows[: max(1, _MAX_KEPT_BYTES // row_bytes)]


class _Watch:
    """Takes the first episode of each environment."""

    def __init__(self, environment: EnvironmentBatch, *, name: str, kept_steps: int) -> None:
        task, num = environment.task, environment.num_environments
        self._name = name
        self._num = num
        self._may_end_early = task.still_steps > 0
        self._keeper = ScoreKeeper(task, elapsed_steps=np.zeros(num, np.int64))
        self._scores: dict[int, EpisodeScore] = {}
        rows = _kept_rows(environment, kept_steps=kept_steps) if kept_steps else ()
        self._filmed = [FilmedRow(row=row, segment_steps=kept_steps) for row in rows]
        self._kept: dict[int, FullSegment] = {}
        for filmed in self._filmed:
            filmed.plan([0])

    @property
    def is_done(self) -> bool:
        """Whether each environment's first episode has ended and what is kept is full."""
        return len(self._scores) == self._num and len(self._kept) == len(self._filmed)

    @property
    def scores(self) -> tuple[EpisodeScore, ...]:
        """By environment; where nothing has ended, as far as it has come."""
        return tuple(self._scores.get(row) or self._keeper.score(row) for row in range(self._num))

    def add(self, trace: Trace) -> None:
        """Goes on by a passage."""
        for row, score in self._keeper.add(trace.passage):
            self._scores.setdefault(row, score)
        for filmed in self._filmed:
            if filmed.row not in self._kept:
                self._keep(filmed, trace)

    def _keep(self, filmed: FilmedRow, trace: Trace) -> None:
        """Go on with what is kept of an environment: all, or where it may end early up to there and no further."""
        end, overs = len(trace.actions), np.flatnonzero(trace.passage.is_over[:, filmed.row])
        is_over = self._may_end_early and len(overs) > 0
        if is_over:
            end = int(overs[0]) + 1
        full: FullSegment | None = None
        for full in filmed.record(trace, begin=0, end=end):
            self._kept[filmed.row] = full
        if full is None and is_over:
            full = filmed.finish(trace.passage.footage)
            assert full is not None, "nothing was begun"
            self._kept[filmed.row] = full

    def best_episodes(self, num_episodes: int) -> tuple[RecordedSegment, ...]:
        """Gives the best of what is kept as segments, best true return first."""
        scores = self.scores
        returns = [score.true_return for score in scores]
        mean, std = float(np.mean(returns)), float(np.std(returns))
        best = sorted(self._kept, key=lambda row: -returns[row])[:num_episodes]
        return tuple(self._segment(row, mean=mean, std=std) for row in best)

    def _segment(self, row: int, *, mean: float, std: float) -> RecordedSegment:
        """Gives what is kept of an environment as a segment."""
        full = self._kept[row]
        segment = Segment(
            segment_id=f"{self._name}-{row:04d}",
            observations=full.frames,
            actions=full.actions,
            rollout_sequence=0,
            policy_version=0,
        )
        return RecordedSegment(
            segment=segment,
            footage=full.footage,
            true_rewards=full.true_rewards,
            recent_return_mean=mean,
            recent_return_std=std,
        )
