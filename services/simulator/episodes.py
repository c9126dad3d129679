"""Follows the episodes of a batch: cuts segments from them and scores them by the true reward.

Shapes: T steps of a rollout or a segment, N environments, E steps of an episode, O observation,
A action, S physics state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.simulator.flips import count_flips, count_landed_flips
from services.simulator.rollout import Trace
from services.simulator.segments import Offer, RecordedSegment, draw_offsets
from services.simulator.true_rewards import true_reward_of
from somersault.tasks import Task
from somersault.types import DoubleArray, FloatArray, Segment

__all__ = ["EpisodeRecorder", "EpisodeScore", "score_episode"]

_NUM_SCORES = 100  # episodes that count as recent
_NUM_RETURNS = 1000  # as many as the pool of the reward service: what queries are chosen from; own runs
_HEIGHT_AT, _ANGLE_AT = 2, 3  # in the state of a planar body: time, x, height, angle, …


@dataclass(frozen=True, slots=True)
class EpisodeScore:
    """Says how one episode went, by the hidden reward."""

    true_return: float
    flips: float
    landed_flips: int


def score_episode(states: DoubleArray, true_rewards: FloatArray) -> EpisodeScore:
    """Scores an episode from its ``[E + 1, S]`` states and ``[E]`` true rewards."""
    angles, heights = states[:, _ANGLE_AT], states[:, _HEIGHT_AT]
    true_return = float(true_rewards.sum(dtype=np.float64))
    return EpisodeScore(true_return, count_flips(angles), count_landed_flips(angles, heights))


@dataclass(frozen=True, slots=True)
class _Slice:
    """Holds consecutive steps of one environment: the rows of a segment or of a trace."""

    observations: FloatArray
    actions: FloatArray
    true_rewards: FloatArray
    states: DoubleArray
    """One row more than the others: also the state after the last step."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """Says how recent segments' true returns are spread."""

    mean: float
    std: float

    @classmethod
    def of(cls, returns: deque[float]) -> _Scale:
        """Measures the returns; none at all have mean and spread 0."""
        return cls(float(np.mean(returns)), float(np.std(returns))) if returns else cls(0.0, 0.0)


class _Episode:
    """Holds one environment's episode so far, in arrays that its next episode writes again."""

    def __init__(self, task: Task, *, state_dim: int, elapsed: int) -> None:
        steps = task.episode_steps
        self._segment_steps = task.segment_steps
        self._rows = _Slice(
            np.empty((steps, task.observation_dim), np.float32),
            np.empty((steps, task.action_dim), np.float32),
            np.empty(steps, np.float32),
            np.empty((steps + 1, state_dim)),
        )
        self._elapsed = elapsed
        self._is_whole = elapsed == 0
        self._offsets: list[int] = []

    @property
    def score(self) -> EpisodeScore | None:
        """The finished episode's score; None if its beginning was not seen."""
        if not self._is_whole:
            return None
        return score_episode(self._rows.states, self._rows.true_rewards)

    @property
    def num_steps_left(self) -> int:
        """Steps until the episode ends."""
        return len(self._rows.true_rewards) - self._elapsed

    def begin(self) -> None:
        """Begins the next episode."""
        self._elapsed, self._is_whole = 0, True

    def plan(self, offsets: list[int]) -> None:
        """Plans segments that begin so many steps from here."""
        self._offsets = [self._elapsed + offset for offset in offsets]

    def append(self, steps: _Slice) -> None:
        """Takes the next steps."""
        end = self._elapsed + len(steps.true_rewards)
        here = slice(self._elapsed, end)
        self._rows.observations[here] = steps.observations
        self._rows.actions[here] = steps.actions
        self._rows.true_rewards[here] = steps.true_rewards
        self._rows.states[self._elapsed : end + 1] = steps.states
        self._elapsed = end

    def cut(self) -> Iterator[_Slice]:
        """Gives copies of the planned segments that are complete, each once."""
        while self._offsets and self._offsets[0] + self._segment_steps <= self._elapsed:
            begin = self._offsets.pop(0)
            here = slice(begin, begin + self._segment_steps)
            yield _Slice(
                self._rows.observations[here].copy(),
                self._rows.actions[here].copy(),
                self._rows.true_rewards[here].copy(),
                self._rows.states[begin : begin + self._segment_steps + 1].copy(),
            )


class EpisodeRecorder:
    """Takes the traces of consecutive rollouts of one batch; not thread-safe.

    A segment is cut as soon as its last step is in, so that it is offered with the rollout within
    which it ended.
    """

    def __init__(
        self,
        task: Task,
        *,
        incarnation: str,
        elapsed_steps: NDArray[np.int64],
        state_dim: int,
        rng: np.random.Generator,
        num_segments_per_episode: int = 2,
    ) -> None:
        """Begins where the batch stands.

        Args:
            task: What is simulated.
            incarnation: Begins the name of each segment.
            elapsed_steps: ``[N]`` where each environment's episode stands.
            state_dim: S.
            rng: Draws where segments begin.
            num_segments_per_episode: How many segments are cut where they fit.
        """
        self._task = task
        self._true_reward = true_reward_of(task)
        self._incarnation = incarnation
        self._rng = rng
        self._num_segments_per_episode = num_segments_per_episode
        self._num_cut = 0
        self._recent_returns: deque[float] = deque(maxlen=_NUM_RETURNS)
        self._scores: deque[EpisodeScore] = deque(maxlen=_NUM_SCORES)
        self._episodes = [
            _Episode(task, state_dim=state_dim, elapsed=int(elapsed)) for elapsed in elapsed_steps
        ]
        for episode in self._episodes:
            self._plan(episode)

    @property
    def recent_scores(self) -> tuple[EpisodeScore, ...]:
        """The newest finished episodes, at most 100, oldest first."""
        return tuple(self._scores)

    def record(self, trace: Trace) -> Offer:
        """Goes on with each episode and gives the segments that ended, by environment then time."""
        true_rewards = self._true_reward(trace.observations, trace.actions)
        ended: list[_Slice] = []
        for row, episode in enumerate(self._episodes):
            for steps in _split(trace, true_rewards, row=row):
                episode.append(steps)
                ended += episode.cut()
                if episode.num_steps_left == 0:
                    self._finish(episode)
        self._recent_returns += [float(steps.true_rewards.sum()) for steps in ended]
        scale = _Scale.of(self._recent_returns)
        return Offer(trace.sequence, [self._name(steps, trace, scale) for steps in ended])

    def _finish(self, episode: _Episode) -> None:
        """Scores an episode and begins its next."""
        score = episode.score
        if score is not None:
            self._scores.append(score)
        episode.begin()
        self._plan(episode)

    def _plan(self, episode: _Episode) -> None:
        """Draws where the segments of what is left of an episode begin."""
        offsets = draw_offsets(
            self._rng,
            episode_steps=episode.num_steps_left,
            segment_steps=self._task.segment_steps,
            num_segments=self._num_segments_per_episode,
        )
        episode.plan(offsets)

    def _name(self, steps: _Slice, trace: Trace, scale: _Scale) -> RecordedSegment:
        """Gives a segment its name and the scale of returns of its time."""
        segment = Segment(
            segment_id=f"{self._incarnation}-{self._num_cut:08d}",
            observations=steps.observations,
            actions=steps.actions,
            rollout_sequence=trace.sequence,
            policy_version=trace.policy_version,
        )
        self._num_cut += 1
        return RecordedSegment(
            segment=segment,
            states=steps.states,
            true_rewards=steps.true_rewards,
            recent_return_mean=scale.mean,
            recent_return_std=scale.std,
        )


def _split(trace: Trace, true_rewards: FloatArray, *, row: int) -> Iterator[_Slice]:
    """Gives one environment's steps, split where its episodes ended."""
    begin, num_steps = 0, len(true_rewards)
    for last in np.flatnonzero(trace.is_truncated[:, row]):
        end = int(last) + 1
        # Ended episodes are listed in row-major order: those of earlier steps first.
        index = int(trace.is_truncated[:last].sum() + trace.is_truncated[last, :row].sum())
        yield _slice(trace, true_rewards, row, slice(begin, end), trace.final_states[index])
        begin = end
    if begin < num_steps:
        rest = slice(begin, num_steps)
        yield _slice(trace, true_rewards, row, rest, trace.next_states[row])


def _slice(trace: Trace, true_rewards: FloatArray, row: int, here: slice, last_state: DoubleArray) -> _Slice:
    """Gives consecutive steps of one environment; ``last_state`` is the one after them."""
    states = np.concatenate((trace.states[here, row], last_state[None]))
    return _Slice(trace.observations[here, row], trace.actions[here, row], true_rewards[here, row], states)
