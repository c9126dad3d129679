"""Steps a batch of MuJoCo environments with `mujoco.rollout`.

Each step is the one that Gymnasium's v5 environment takes from the same state with a zero warm
start, bit for bit: batched rollouts return no warm start, and a step that depends on the stored
state alone can be drawn again exactly.

Shapes: N environments, O observation, A action, S physics state (``mjSTATE_FULLPHYSICS``: time,
positions, velocities and what else the model has).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import mujoco
import numpy as np
from mujoco import rollout
from numpy.typing import NDArray

from somersault.errors import InvalidInputError
from somersault.tasks import Task

__all__ = ["MujocoBatch", "Truncation", "load_model", "state_dim_of"]

_STATE_SPEC = mujoco.mjtState.mjSTATE_FULLPHYSICS.value
_CONTROL_SPEC = mujoco.mjtState.mjSTATE_CTRL.value
_CHUNKS_PER_THREAD = 4  # enough to even out slow environments; more costs more hand-overs


@dataclass(frozen=True, slots=True)
class Truncation:
    """Holds what the episodes that ended in a step had come to, before they began again."""

    rows: NDArray[np.intp]
    """``[M]`` which environments, rising."""
    observations: NDArray[np.float64]
    """``[M, O]`` their last observations."""
    states: NDArray[np.float64]
    """``[M, S]`` their last states."""


def load_model(task: Task) -> mujoco.MjModel:
    """Loads the task's MuJoCo model from the assets of the ``gymnasium`` package."""
    assets = resources.files("gymnasium.envs.mujoco") / "assets"
    with resources.as_file(assets / task.model_file) as path:
        return mujoco.MjModel.from_xml_path(str(path))


def state_dim_of(task: Task) -> int:
    """Gives the length of a physics state of the task: S."""
    return int(mujoco.mj_stateSize(load_model(task), _STATE_SPEC))


class MujocoBatch:
    """Steps N environments of one task together; not thread-safe.

    Episodes have a fixed length. An environment whose episode ends begins the next in the same
    step: `observations` and `states` are then those of the new start, and `step` gives the last
    ones of the old episode.
    """

    def __init__(
        self,
        task: Task,
        *,
        num_environments: int = 64,
        num_threads: int = 1,
        rng: np.random.Generator,
        is_staggered: bool = False,
    ) -> None:
        """Starts all episodes.

        Args:
            task: What to simulate.
            num_environments: N.
            num_threads: Threads for the physics; results do not depend on it.
            rng: Draws the noise at the start of each episode.
            is_staggered: Whether first episodes are shortened so that later ones end evenly spread
                over time, instead of all in the same step.
        """
        if num_environments < 1:
            raise InvalidInputError("num_environments", num_environments, "at least 1")
        if num_threads < 1:
            raise InvalidInputError("num_threads", num_threads, "at least 1")
        self.task = task
        self.num_environments = num_environments
        self.model = load_model(task)
        self._check_model()
        self.state_dim = mujoco.mj_stateSize(self.model, _STATE_SPEC)
        self._rng = rng
        self._elapsed = np.zeros(num_environments, np.int64)
        if is_staggered:
            self._elapsed += np.arange(num_environments) * task.episode_steps // num_environments
        self._allocate(num_threads)
        self._reset(np.arange(num_environments))
        self._steps_to_truncation = self._next_truncation()

    @property
    def observations(self) -> NDArray[np.float64]:
        """``[N, O]`` the newest observations: a view, valid until the next step."""
        return self._observations

    @property
    def states(self) -> NDArray[np.float64]:
        """``[N, S]`` the newest physics states: a view, valid until the next step."""
        return self._states

    @property
    def elapsed_steps(self) -> NDArray[np.int64]:
        """``[N]`` steps since each episode began: a view, valid until the next step."""
        return self._elapsed

    def step(self, actions: NDArray[np.floating]) -> Truncation | None:
        """Holds each action for ``frame_skip`` physics steps.

        Args:
            actions: ``[N, A]``, within -1 and 1.

        Returns:
            The episodes that ended in this step; None when none did.
        """
        self._control[:] = actions[:, None, :]
        self._pool.rollout_.rollout(
            self._models,
            self._threads,
            self.task.frame_skip,
            _CONTROL_SPEC,
            self._states,
            None,
            self._control,
            self._trajectories,
            self._sensors,
            self._chunk_size,
        )
        np.copyto(self._states, self._newest_states)
        self._observe()
        self._elapsed += 1
        self._steps_to_truncation -= 1
        return None if self._steps_to_truncation else self._truncate()

    def close(self) -> None:
        """Ends the threads; the batch can't be stepped any more."""
        self._pool.close()

    def _check_model(self) -> None:
        """Checks that the declared sizes are those of the model."""
        task, model = self.task, self.model
        assert model.nu == task.action_dim, (model.nu, task.action_dim)
        observation_dim = model.nq - task.num_hidden_positions + model.nv
        assert observation_dim == task.observation_dim, (observation_dim, task.observation_dim)
        assert np.isclose(model.opt.timestep * task.frame_skip, task.step_s), model.opt.timestep

    def _allocate(self, num_threads: int) -> None:
        """Makes everything that a step writes, so that a step itself allocates nothing."""
        task, model, num = self.task, self.model, self.num_environments
        # A pool of zero threads runs on the caller's thread, which is quicker than a pool of one.
        self._pool = rollout.Rollout(nthread=num_threads if num_threads > 1 else 0)
        self._threads = [mujoco.MjData(model) for _ in range(num_threads)]
        self._models = [model] * num
        self._chunk_size = max(1, num // (num_threads * _CHUNKS_PER_THREAD))
        self._control = np.zeros((num, task.frame_skip, task.action_dim))
        self._trajectories = np.zeros((num, task.frame_skip, self.state_dim))
        self._sensors = np.zeros((num, task.frame_skip, model.nsensordata))
        self._states = np.zeros((num, self.state_dim))
        self._observations = np.zeros((num, task.observation_dim))
        self._newest_states = self._trajectories[:, -1]
        velocity_at = 1 + model.nq
        self._positions = self._newest_states[:, 1 + task.num_hidden_positions : velocity_at]
        self._velocities = self._newest_states[:, velocity_at : velocity_at + model.nv]
        self._observed_positions = self._observations[:, : -model.nv]
        self._observed_velocities = self._observations[:, -model.nv :]

    def _observe(self) -> None:
        """Writes the observations of the newest states."""
        bound = self.task.velocity_bound
        np.copyto(self._observed_positions, self._positions)
        np.clip(self._velocities, -bound, bound, out=self._observed_velocities)

    def _truncate(self) -> Truncation:
        """Ends the episodes that are full and begins their next."""
        rows = np.flatnonzero(self._elapsed == self.task.episode_steps)
        ended = Truncation(rows, self._observations[rows], self._states[rows])
        self._elapsed[rows] = 0
        self._reset(rows)
        self._steps_to_truncation = self._next_truncation()
        return ended

    def _next_truncation(self) -> int:
        """Gives the number of steps until the next episode ends."""
        return self.task.episode_steps - int(self._elapsed.max())

    def _reset(self, rows: NDArray[np.intp]) -> None:
        """Starts episodes as Gymnasium does: rest plus uniform noise on positions and velocities."""
        model, noise = self.model, self.task.reset_noise
        start = np.concatenate(([0.0], model.qpos0, np.zeros(self.state_dim - 1 - model.nq)))
        num_noisy = model.nq + model.nv
        self._newest_states[rows] = start
        self._newest_states[rows, 1 : 1 + num_noisy] += self._rng.uniform(
            -noise, noise, size=(len(rows), num_noisy)
        )
        self._states[rows] = self._newest_states[rows]
        self._observe()
