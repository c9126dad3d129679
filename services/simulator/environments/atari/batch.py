"""Steps a batch of Atari games with `ale_py`'s vector environment.

As far as the agent is told, play never ends: a lost life is nothing special, and where a game is over the
next has begun, with the first picture of the new game in place of the last one of the old. What shows points
and lives is blacked out. The true reward is the change of the score, unclipped, or what a teacher reads from
the console's memory.

Each lane is a vector environment of its own with one thread, so that one lane's policy can act while another
lane's games are emulated. The cartridge is inserted anew, with a seed drawn from the environment's own
generator, at the first end of a game after 4,500 steps: clips are replayed from there.

Shapes: T steps of a passage, N environments, n of them in a lane, H and W a frame's height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.simulator.environments.atari.emulator import SAME_CARTRIDGE, Emulator
from services.simulator.environments.atari.footage import AtariFootage, GameLog, footage_layout
from services.simulator.environments.batch import Passage, lane_rows
from services.simulator.true_rewards.enduro import keep_even
from somersault.domain.arrays import ActionArray, BoolArray, FloatArray, FrameArray
from somersault.environments.atari_vector import hidden_rows, open_vector
from somersault.tasks import Task
from somersault.tasks.custom import load_function

__all__ = ["AtariBatch", "MemoryReward", "footage_layout"]

MemoryReward = Callable[[NDArray[np.uint8]], float]
"""A function from the ``[128]`` bytes of memory after a step to its true reward."""

_MEMORY_REWARDS: dict[str, MemoryReward] = {"enduro-keep-even": keep_even}
_MAX_SEED = 2**31 - 1
_LANE_ROWS = 4  # few, so that threads end together; a step of four games takes a millisecond or more
_CARTRIDGE_STEPS = (
    4_500  # so that inserting it costs less than 5%; as long as the longest game, and as a replay
)


@dataclass(frozen=True, slots=True)
class _Results:
    """What the lanes write during a passage, each in its own columns."""

    actions: NDArray[np.uint8]
    """``[T, N]``."""
    true_rewards: FloatArray
    """``[T, N]``."""
    is_over: BoolArray
    """``[T, N]``."""

    @classmethod
    def empty(cls, num_steps: int, num_environments: int) -> _Results:
        """Make room for T steps of N environments."""
        shape = (num_steps, num_environments)
        return cls(np.zeros(shape, np.uint8), np.zeros(shape, np.float32), np.zeros(shape, np.bool_))


class _MemoryRewards:
    """Plays the same games beside a lane for rewards read from memory, which the vector environment hides."""

    def __init__(self, task: Task, reward: MemoryReward, num_environments: int) -> None:
        self._emulators = [Emulator(task) for _ in range(num_environments)]
        self._reward = reward

    def begin(self, index: int, *, seed: int, num_start_frames: int) -> None:
        """Begin the game that an environment has begun."""
        self._emulators[index].begin(seed=seed, num_start_frames=num_start_frames)

    def step(self, actions: ActionArray) -> list[float]:
        """Make the step that all environments make and return its rewards."""
        for emulator, action in zip(self._emulators, actions.tolist(), strict=True):
            emulator.step(action)
        return [self._reward(emulator.memory) for emulator in self._emulators]


def _memory_reward_of(task: Task) -> MemoryReward | None:
    """Return the reward that is read from memory; None if the game's score is the reward.

    Raises:
        InvalidInputError: The task's own teacher can't be loaded.
    """
    if task.teacher_source is not None:
        return load_function(task.teacher_source)
    return _MEMORY_REWARDS.get(task.name)


class AtariLane:
    """Some games stepped on one thread; a `Lane`."""

    def __init__(self, task: Task, *, rows: slice, entropy: int) -> None:
        """Begin the first games.

        Args:
            task: What is played.
            rows: Which environments of the batch.
            entropy: Seeds an environment's games, together with its row.
        """
        self.rows = rows
        num = rows.stop - rows.start
        self.logs = [GameLog(task.num_frames) for _ in range(num)]
        self._rngs = [np.random.default_rng((entropy, row)) for row in range(rows.start, rows.stop)]
        self._vector = open_vector(task, num_environments=num)
        self._hidden_rows = hidden_rows(task)
        self._max_game_steps = task.episode_steps
        self._game_steps = np.zeros(num, np.int64)
        reward = _memory_reward_of(task)
        self._memory_rewards = _MemoryRewards(task, reward, num) if reward else None
        self._results = _Results.empty(0, rows.stop)
        self._step = 0
        self._show(self._begin_games(np.ones(num, np.bool_)))

    def begin(self, results: _Results) -> None:
        """Begin a passage."""
        self._results, self._step = results, 0

    def observe(self, out: FrameArray) -> None:
        """Write the newest frames ``[n, H, W]``."""
        out[...] = self._frames

    def step(self, actions: ActionArray) -> None:
        """Make one step of each game, ``[n]`` int32, and begin the next if one is over."""
        results, step, rows = self._results, self._step, self.rows
        results.actions[step, rows] = actions
        self._vector.send(actions)
        memory_rewards = self._memory_rewards.step(actions) if self._memory_rewards else None
        pictures, score_changes, is_over, _, _ = self._vector.recv()
        self._game_steps += 1
        is_over |= self._game_steps == self._max_game_steps
        results.true_rewards[step, rows] = score_changes if memory_rewards is None else memory_rewards
        results.is_over[step, rows] = is_over
        for log, action in zip(self.logs, actions.tolist(), strict=True):
            log.actions.append(action)
        self._show(self._begin_games(is_over) if is_over.any() else pictures)
        self._step += 1

    def close(self) -> None:
        """End the library's thread."""
        del self._vector

    def _begin_games(self, is_over: BoolArray) -> NDArray[np.uint8]:
        """Begin a game wherever one is over and return all newest pictures, ``[n, 1, H, W]``."""
        begun = np.flatnonzero(is_over)
        seeds = np.array([self._next_seed(index) for index in begun.tolist()])
        pictures, info = self._vector.reset(seed=seeds, options={"reset_mask": is_over})
        self._game_steps[begun] = 0
        for index, seed in zip(begun.tolist(), seeds.tolist(), strict=True):
            num_start_frames = int(info["episode_frame_number"][index])
            self.logs[index].begin_game(seed=seed, num_start_frames=num_start_frames)
            if self._memory_rewards:
                self._memory_rewards.begin(index, seed=seed, num_start_frames=num_start_frames)
        return pictures  # type: ignore[no-any-return]

    def _next_seed(self, index: int) -> int:
        """Return the seed with which the next game of an environment begins."""
        log = self.logs[index]
        if log.games and log.num_steps_since_cartridge < _CARTRIDGE_STEPS:
            return SAME_CARTRIDGE
        return int(self._rngs[index].integers(1, _MAX_SEED))

    def _show(self, pictures: NDArray[np.uint8]) -> None:
        """Keep the newest pictures, with what must be hidden blacked out."""
        self._frames = pictures[:, 0]
        for rows in self._hidden_rows:
            self._frames[:, rows] = 0


class AtariBatch:
    """N games of one task; an `EnvironmentBatch`."""

    def __init__(
        self,
        task: Task,
        *,
        num_environments: int,
        rng: np.random.Generator,
        is_staggered: bool = False,
    ) -> None:
        """Begin all first games.

        Args:
            task: What is played.
            num_environments: N.
            rng: Draws what seeds all games.
            is_staggered: Ignored: games end when they end.

        Raises:
            InvalidInputError: There is no game of the task's name, or it has another number of actions.
        """
        del is_staggered
        self.task = task
        self.num_environments = num_environments
        self.recorded_rows = range(num_environments)
        entropy = int(rng.integers(2**63))
        self._lanes = [
            AtariLane(task, rows=rows, entropy=entropy)
            for rows in lane_rows(num_environments, most=_LANE_ROWS)
        ]
        self._results = _Results.empty(0, num_environments)

    @property
    def lanes(self) -> Sequence[AtariLane]:
        """Together all rows, each once."""
        return self._lanes

    def begin(self, num_steps: int) -> None:
        """Begin a passage."""
        self._results = _Results.empty(num_steps, self.num_environments)
        for lane in self._lanes:
            lane.begin(self._results)

    def finish(self) -> Passage:
        """Return what the passage came to."""
        results, num_frames = self._results, self.task.num_frames
        logs = [log for lane in self._lanes for log in lane.logs]
        stretches = [log.snapshot(len(results.actions)) for log in logs]
        for log in logs:
            log.trim()
        newest = np.empty((self.num_environments, *self.task.frame_shape), np.uint8)
        for lane in self._lanes:
            lane.observe(newest[lane.rows])
        return Passage(
            is_truncated=np.zeros_like(results.is_over),
            is_over=results.is_over,
            is_still=np.zeros_like(results.is_over),
            final_observations=np.empty((0, *self.task.frame_shape), np.uint8),
            next_observations=newest,
            true_rewards=results.true_rewards,
            footage=AtariFootage(stretches, num_frames),
        )

    def close(self) -> None:
        """End all threads of the library."""
        for lane in self._lanes:
            lane.close()
