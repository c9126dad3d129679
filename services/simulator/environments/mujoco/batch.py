"""A batch of MuJoCo environments with episodes of a fixed length.

Each step is the one that Gymnasium's v5 environment takes from the same state with a zero warm start, bit for
bit: batched rollouts return no warm start, and a step that depends on the stored state alone can be repeated
exactly.

Shapes: T steps of a passage, N environments, M ended episodes, O observation, A action, S physics state.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from services.simulator.environments.batch import Passage, lane_rows, steps_already_taken
from services.simulator.environments.mujoco.checks import check_finite, compute_true_rewards
from services.simulator.environments.mujoco.footage import MujocoFootage
from services.simulator.environments.mujoco.model import load_model
from services.simulator.environments.mujoco.start import draw_starts
from services.simulator.environments.mujoco.stepper import Stepper, make_stepper
from services.simulator.true_rewards import Steps, true_reward_of
from somersault.domain.arrays import ActionArray, BoolArray, DoubleArray, FloatArray, FrameArray
from somersault.errors import InvalidInputError
from somersault.tasks import Task

__all__ = ["MujocoBatch", "MujocoLane"]

# Few, so that threads end together; enough for a step to take far longer than the Python around it.
_LANE_ROWS = 24


class MujocoBatch:
    """N environments of one task; an `EnvironmentBatch`.

    An environment whose episode ends begins the next in the same step.
    """

    def __init__(
        self, task: Task, *, num_environments: int, rng: np.random.Generator, is_staggered: bool = False
    ) -> None:
        """Start all episodes; see `open_environment`.

        Raises:
            InvalidInputError: The model is missing or isn't what the task declares.
        """
        if task.is_continuing:
            raise InvalidInputError("is_continuing", task.is_continuing, "False: MuJoCo episodes have an end")
        self.task = task
        self.num_environments = num_environments
        self.recorded_rows = range(num_environments)
        self._model = load_model(task)
        self._true_reward = true_reward_of(task)
        self._rng = rng
        self._elapsed = steps_already_taken(task, num_environments, is_staggered=is_staggered)
        self.lanes = [
            MujocoLane(rows, make_stepper(task, self._model, num_rows=rows.stop - rows.start))
            for rows in lane_rows(num_environments, most=_LANE_ROWS)
        ]
        self._states, self._observations = self._start(num_environments)
        self._tape: _Tape | None = None

    def begin(self, num_steps: int) -> None:
        """Draw the starts of all episodes that will begin, so that lanes share no generator."""
        assert self._tape is None, "the passage before was not finished"
        steps = np.arange(1, num_steps + 1)[:, None]
        is_ended = (self._elapsed + steps) % self.task.episode_steps == 0
        starts = self._start(int(is_ended.sum()))
        self._tape = _Tape(self.task, is_ended, starts, first=(self._states, self._observations))
        for lane in self.lanes:
            lane.begin(self._tape)

    def finish(self) -> Passage:
        """Return what the passage came to; every lane must have made all its steps.

        Raises:
            EnvironmentFailedError: A number is not finite, or the true reward fails.
        """
        tape = self._tape
        assert tape is not None, "no passage was begun"
        self._tape = None
        num_steps = len(tape.actions)
        self._states, self._observations = tape.states[-1].copy(), tape.observations[-1].copy()
        self._elapsed = (self._elapsed + num_steps) % self.task.episode_steps
        check_finite(self.task, tape.observations)
        steps = Steps(tape.observations[:-1], tape.actions, tape.states[:-1], tape.next_states())
        return Passage(
            is_truncated=tape.is_ended,
            is_over=tape.is_ended,
            is_still=np.zeros_like(tape.is_ended),
            final_observations=tape.final_observations,
            next_observations=self._observations.copy(),
            true_rewards=compute_true_rewards(self.task, self._true_reward, steps),
            footage=MujocoFootage(states=tape.states, final_states=tape.final_states, endings=tape.endings),
        )

    def close(self) -> None:
        """Do nothing: lanes are stepped on the caller's threads."""

    def _start(self, num_starts: int) -> tuple[DoubleArray, FloatArray]:
        """Draw states ``[num_starts, S]`` and return them with their observations ``[num_starts, O]``."""
        states = draw_starts(self.task, self._model, self._rng, num_starts=num_starts)
        observations = np.empty((num_starts, *self.task.frame_shape), np.float32)
        self.lanes[0].stepper.observe(states, observations)
        return states, observations


class _Tape:
    """All steps of one passage; each lane writes its own rows."""

    def __init__(
        self,
        task: Task,
        is_ended: BoolArray,
        starts: tuple[DoubleArray, FloatArray],
        *,
        first: tuple[DoubleArray, FloatArray],
    ) -> None:
        """Make room for a passage.

        Args:
            task: What is simulated.
            is_ended: ``[T, N]``, which steps end an episode.
            starts: States and observations in which the next episodes start.
            first: States and observations in which the passage starts.
        """
        num_steps, num = is_ended.shape
        states, observations = first
        self.is_ended = is_ended
        self.states = np.empty((num_steps + 1, *states.shape))
        self.observations = np.empty((num_steps + 1, *observations.shape), np.float32)
        self.states[0], self.observations[0] = first
        self.actions = np.empty((num_steps, num, task.action_dim), np.float32)
        # Rows of starts and of what was final are in row-major order of the steps that end.
        self.start_states, self.start_observations = starts
        self.final_states = np.empty_like(self.start_states)
        self.final_observations = np.empty_like(self.start_observations)
        ends = zip(*(axis.tolist() for axis in is_ended.nonzero()), strict=True)
        self.endings = {place: index for index, place in enumerate(ends)}

    def next_states(self) -> DoubleArray:
        """Return the states ``[T, N, S]`` after each step; if it ended an episode, the episode's last."""
        states = self.states[1:].copy()
        states[self.is_ended] = self.final_states
        return states


class MujocoLane:
    """Some rows of the batch; a `Lane`."""

    def __init__(self, rows: slice, stepper: Stepper) -> None:
        """Step some rows with a stepper."""
        self.rows = rows
        self.stepper = stepper
        self._tape: _Tape
        self._endings: dict[int, list[tuple[int, int]]] = {}
        self._step = 0

    def begin(self, tape: _Tape) -> None:
        """Begin a passage."""
        self._tape, self._step = tape, 0
        endings = defaultdict(list)
        for (step, row), index in tape.endings.items():
            if self.rows.start <= row < self.rows.stop:
                endings[step].append((row, index))
        self._endings = dict(endings)

    def observe(self, out: FrameArray) -> None:
        """Write the newest observations; see `Lane`."""
        np.copyto(out, self._tape.observations[self._step, self.rows])

    def step(self, actions: ActionArray) -> None:
        """Make one step of each row; see `Lane`."""
        tape, rows, step = self._tape, self.rows, self._step
        held = tape.actions[step, rows]
        held[:] = actions
        self.stepper.step(
            tape.states[step, rows],
            held,
            tape.states[step + 1, rows],
            tape.observations[step + 1, rows],
        )
        if step in self._endings:
            self._begin_anew(self._endings[step])
        self._step = step + 1

    def _begin_anew(self, endings: list[tuple[int, int]]) -> None:
        """Keep the last step of ended episodes and put the next starts in its place."""
        tape, after = self._tape, self._step + 1
        for row, index in endings:
            tape.final_states[index] = tape.states[after, row]
            tape.final_observations[index] = tape.observations[after, row]
            tape.states[after, row] = tape.start_states[index]
            tape.observations[after, row] = tape.start_observations[index]
