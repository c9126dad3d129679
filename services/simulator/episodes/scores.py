"""Scores episodes by the true reward.

Shapes: T steps of a passage, N environments, E steps of an episode, S physics state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.simulator.environments import Passage
from services.simulator.episodes.flips import count_flips, count_landed_flips
from somersault.domain.arrays import DoubleArray
from somersault.tasks import Task

__all__ = ["EpisodeScore", "EpisodeScorer"]

_PATH = slice(2, 4)  # in the state of a planar body: time, x, height, angle, …


@dataclass(frozen=True, slots=True)
class EpisodeScore:
    """How one episode, or one game, went by the true reward."""

    true_return: float
    flips: float = 0.0
    """Net backward turns; 0 if the task isn't about them."""
    landed_flips: int = 0


class _Path:
    """Height and pitch of one planar body through an episode; the next episode reuses the array."""

    def __init__(self, episode_steps: int) -> None:
        self._points = np.empty((episode_steps + 1, 2))
        self._length = 0

    def append(self, states: DoubleArray) -> None:
        """Append states ``[t + 1, S]``, the first of which is the last one known."""
        begin = max(self._length - 1, 0)
        end = begin + len(states)
        self._points[begin:end] = states[:, _PATH]
        self._length = end

    def turns(self) -> tuple[float, int]:
        """Return flips and landed flips."""
        heights, angles = self._points[: self._length].T
        return count_flips(angles), count_landed_flips(angles, heights)

    def begin(self) -> None:
        """Begin the next episode."""
        self._length = 0


class EpisodeScorer:
    """Adds up the rewards of each environment's episode; not thread-safe."""

    def __init__(self, task: Task, *, elapsed_steps: NDArray[np.int64]) -> None:
        """Begin where the batch stands: ``[N]`` steps into each episode. Episodes already under way aren't scored."""
        num = len(elapsed_steps)
        self._paths = [_Path(task.episode_steps) for _ in range(num)] if task.has_flips else []
        self._returns = np.zeros(num)
        self._is_whole = elapsed_steps == 0

    def add(self, passage: Passage) -> list[tuple[int, EpisodeScore]]:
        """Add a passage and return environment and score of what ended in it, by environment then time."""
        sums = passage.true_rewards.sum(axis=0, dtype=np.float64)
        ending = passage.is_over.any(axis=0)
        scores: list[tuple[int, EpisodeScore]] = []
        for row in np.flatnonzero(ending):
            scores += [(int(row), score) for score in self._end(passage, int(row))]
        self._returns[~ending] += sums[~ending]
        for row in np.flatnonzero(~ending) if self._paths else ():
            self._follow(passage, int(row), 0, len(passage.is_over))
        return scores

    def score(self, row: int) -> EpisodeScore:
        """Return the score of an environment's episode so far."""
        true_return = float(self._returns[row])
        return (
            EpisodeScore(true_return, *self._paths[row].turns()) if self._paths else EpisodeScore(true_return)
        )

    def _end(self, passage: Passage, row: int) -> list[EpisodeScore]:
        """Add the rewards of an environment whose episode ends, once or more."""
        scores, begin = [], 0
        rewards = passage.true_rewards[:, row]
        for last in np.flatnonzero(passage.is_over[:, row]):
            end = int(last) + 1
            self._returns[row] += rewards[begin:end].sum(dtype=np.float64)
            self._follow(passage, row, begin, end)
            if self._is_whole[row]:
                scores.append(self.score(row))
            self._returns[row], self._is_whole[row] = 0.0, True
            if self._paths:
                self._paths[row].begin()
            begin = end
        self._returns[row] += rewards[begin:].sum(dtype=np.float64)
        self._follow(passage, row, begin, len(rewards))
        return scores

    def _follow(self, passage: Passage, row: int, begin: int, end: int) -> None:
        """Append some steps of one episode to a planar body's path."""
        if self._paths and begin < end:
            self._paths[row].append(passage.footage.part(row, begin, end)["states"])
