"""What every kind of environment offers: a batch, stepped in lanes, and what a passage of it leaves behind.

Shapes: T steps of a passage, N environments, M truncated transitions, A action length, ``*frame`` the axes of
a frame (`somersault.domain.arrays`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import ActionArray, BoolArray, FloatArray, FrameArray
from somersault.tasks import Task

__all__ = ["EnvironmentBatch", "Footage", "Lane", "Passage", "lane_rows", "steps_already_taken"]

Arrays = Mapping[str, NDArray[Any]]


class Footage(Protocol):
    """What the steps of one passage are rendered from: physics states, a log of actions, or pictures."""

    def part(self, row: int, begin: int, end: int) -> Arrays:
        """Return what steps ``begin`` to ``end`` of environment ``row`` are rendered from; copies, by name."""
        ...

    def join(self, parts: Sequence[Arrays]) -> Arrays:
        """Join the parts of consecutive passages of one environment into what is stored of a segment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What T steps of every environment came to, beyond the frames that `Lane.observe` gave."""

    is_truncated: BoolArray
    """``[T, N]``, whether the next step is of another episode and the agent is told; all False in a continuing task."""
    is_over: BoolArray
    """``[T, N]``, whether an episode or a game was over with this step; if it ended early, after its still moment."""
    is_still: BoolArray
    """``[T, N]``, whether the episode had ended early before this step, which changed nothing (`TaskSpec.still_steps`)."""
    final_observations: FrameArray
    """``[M, *frame]``, the frame after each truncated step, in row-major order."""
    next_observations: FrameArray
    """``[N, *frame]``, a copy of the newest frame."""
    true_rewards: FloatArray
    """``[T, N]`` float32. Leaves the simulator only in sealed parts, metrics and reference runs."""
    footage: Footage
    """What the steps are rendered from."""


class Lane(Protocol):
    """Some environments of a batch that one thread steps together, independent of all other lanes."""

    @property
    def rows(self) -> slice:
        """Which environments of the batch."""
        ...

    def observe(self, out: FrameArray) -> None:
        """Write the newest frames ``[n, *frame]`` into ``out``, converted to its dtype."""
        ...

    def step(self, actions: ActionArray) -> None:
        """Make one step of each: ``[n, A]`` float32 from -1 to 1, or ``[n]`` or ``[n, D]`` int32."""
        ...


class EnvironmentBatch(Protocol):
    """N environments of one task. What they do depends on the seed, not on the number of lanes."""

    @property
    def task(self) -> Task:
        """What is simulated."""
        ...

    @property
    def num_environments(self) -> int:
        """N."""
        ...

    @property
    def lanes(self) -> Sequence[Lane]:
        """Together all rows, each once."""
        ...

    @property
    def recorded_rows(self) -> range:
        """The environments whose steps can be rendered; segments are cut from these alone."""
        ...

    def begin(self, num_steps: int) -> None:
        """Begin a passage; then every lane is stepped ``num_steps`` times."""
        ...

    def finish(self) -> Passage:
        """Return what the passage came to."""
        ...

    def close(self) -> None:
        """End threads and processes."""
        ...


def lane_rows(num_environments: int, *, most: int) -> list[slice]:
    """Return the rows of each lane: as few lanes of at most ``most`` rows as possible, about equally long.

    The number of threads plays no part: a matrix product may round a row differently in a batch of another
    size, and what is gathered must not depend on the threads.
    """
    num_lanes = -(-num_environments // most)
    bounds = [num_environments * index // num_lanes for index in range(num_lanes + 1)]
    return [slice(begin, end) for begin, end in itertools.pairwise(bounds)]


def steps_already_taken(task: Task, num_environments: int, *, is_staggered: bool) -> NDArray[np.int64]:
    """Return how far into its episode each environment starts, ``[N]``: evenly spread if staggered, otherwise 0.

    They spread over the full length of an episode, even if episodes may end early. A continuing task has no
    such length.
    """
    if not is_staggered or task.is_continuing:
        return np.zeros(num_environments, np.int64)
    return np.arange(num_environments, dtype=np.int64) * task.episode_steps // num_environments
