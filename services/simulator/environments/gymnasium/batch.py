"""Steps any Gymnasium environments, one after the other: slower than the kinds that are stepped in a batch.

An episode that terminates stands still for `TaskSpec.still_steps` steps: the last observation is repeated,
actions change nothing, and the true reward is 0, as it is for the rest of such an episode in the environment
itself. Then, or in the step in which an episode reaches its full length, the next begins with the
environment's next seed (docs/tasks.md says what the agent is told). The first few environments are recorded:
they render themselves before every ``clip_step``-th step.

Shapes: T steps of a passage, N environments, n environments of a lane, ``*frame`` the axes of a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.simulator.environments.batch import Passage, lane_rows, steps_already_taken
from services.simulator.environments.gymnasium.footage import GymnasiumFootage, PictureReel
from somersault.domain.arrays import ActionArray, BoolArray, FloatArray, FrameArray
from somersault.environments.declared_environment import CallListener, DeclaredEnvironment
from somersault.environments.gymnasium_actions import action_maker
from somersault.environments.gymnasium_spaces import fit, frame_maker, shrink
from somersault.runtime.call_record import CallRecord
from somersault.tasks import GymnasiumEnvironment, Task
from somersault.tasks.gymnasium import open_gymnasium

__all__ = ["GymnasiumBatch"]

_NUM_RECORDED = 4  # rendering takes many times as long as a step; four give enough segments to choose from
_LANE_ROWS = 2  # few, because those that are recorded take many times as long as the others
_MAX_SEED = 2**31


class GymnasiumBatch:
    """N environments of one task; an `EnvironmentBatch`."""

    def __init__(
        self,
        task: Task,
        *,
        num_environments: int,
        rng: np.random.Generator,
        is_staggered: bool = False,
        calls: CallRecord | None = None,
    ) -> None:
        """Start all environments.

        Args:
            task: Whose environment is a `GymnasiumEnvironment`.
            num_environments: N.
            rng: Draws each environment's seeds.
            is_staggered: Whether first episodes are shortened; see `open_environment`.
            calls: See `open_environment`.

        Raises:
            InvalidInputError: The environment can't be made, or isn't as the task declares it.
            EnvironmentFailedError: It raises as it begins, or observes something else than it declares.
            UnavailableError: A package that it needs is missing.
        """
        assert isinstance(task.environment, GymnasiumEnvironment)
        self.task = task
        self.num_environments = num_environments
        self.recorded_rows = range(min(_NUM_RECORDED, num_environments))
        # OpenGL binds what an environment renders with to one thread, and rollouts don't stay on theirs.
        self._camera = ThreadPoolExecutor(1, thread_name_prefix="camera")
        seeds = rng.integers(_MAX_SEED, size=num_environments).tolist()
        elapsed = steps_already_taken(task, num_environments, is_staggered=is_staggered).tolist()
        self._environments = [
            _Environment(
                task,
                row=row,
                seed=seed,
                first_steps=task.episode_steps - elapsed[row],
                camera=self._camera if row in self.recorded_rows else None,
                listener=None if calls is None else calls.of(row),
            )
            for row, seed in enumerate(seeds)
        ]
        self.lanes = [
            _Lane(self._environments[rows], rows=rows)
            for rows in lane_rows(num_environments, most=_LANE_ROWS)
        ]

    def begin(self, num_steps: int) -> None:
        """Begin a passage."""
        for lane in self.lanes:
            lane.begin(num_steps)

    def finish(self) -> Passage:
        """Return what the passage came to."""
        is_over = np.concatenate([lane.is_over for lane in self.lanes], axis=1)
        is_told = is_over & (not self.task.is_continuing)
        final = {place: frame for lane in self.lanes for place, frame in lane.final_frames.items()}
        frames = np.stack([environment.frame for environment in self._environments])
        return Passage(
            is_truncated=is_told,
            is_over=is_over,
            is_still=np.concatenate([lane.is_still for lane in self.lanes], axis=1),
            final_observations=np.array(
                [final[step, row] for step, row in np.argwhere(is_told).tolist()], frames.dtype
            ).reshape(-1, *self.task.spec.stored_shape),
            next_observations=frames,
            true_rewards=np.concatenate([lane.true_rewards for lane in self.lanes], axis=1),
            footage=GymnasiumFootage([self._environments[row].end_reel() for row in self.recorded_rows]),
        )

    def close(self) -> None:
        """Close the environments, on the thread that rendered them."""
        for environment in self._environments:
            self._camera.submit(environment.close).result()
        self._camera.shutdown()


class _Environment:
    """One environment, played episode after episode."""

    def __init__(
        self,
        task: Task,
        *,
        row: int,
        seed: int,
        first_steps: int,
        camera: ThreadPoolExecutor | None,
        listener: CallListener | None,
    ) -> None:
        assert isinstance(task.environment, GymnasiumEnvironment)
        self._task = task
        self._opened = DeclaredEnvironment(
            open_gymnasium(task.environment, episode_steps=task.episode_steps),
            name=task.name,
            copy=row,
            listener=listener,
        )
        self._to_frame = frame_maker(self._opened.observation_space, task)
        self._to_action = action_maker(self._opened.action_space, task)
        self._seeds = np.random.default_rng(seed)
        self._camera = camera
        self._reel = PictureReel()
        self._num_steps = 0
        self._steps_left = first_steps
        self._still_steps_left = 0
        self._still_picture: NDArray[np.uint8] | None = None
        self._picture_shape: tuple[int, ...] = ()
        self.frame: NDArray[Any] = self._reset()

    @property
    def is_still(self) -> bool:
        """Whether the episode has ended and nothing moves."""
        return self._still_steps_left > 0

    def step(self, action: Any) -> tuple[float, bool]:
        """Make a step; return its true reward and whether the episode is over: then `begin` the next."""
        self._num_steps += 1
        if self.is_still:
            self._still_steps_left -= 1
            return 0.0, self._still_steps_left == 0
        observation, reward, is_terminated, is_truncated, _ = self._opened.step(self._to_action(action))
        self.frame = self._to_frame(observation)
        self._steps_left -= 1
        if is_terminated:
            self._still_steps_left = self._task.still_steps
            return reward, False
        return reward, is_truncated or self._steps_left == 0

    def begin(self) -> None:
        """Begin the next episode."""
        self._steps_left = self._task.episode_steps
        self._still_picture = None
        self.frame = self._reset()

    def take_picture(self, step: int) -> None:
        """Take the picture of the moment before a step of the passage, if one is due."""
        if self._camera is None or self._num_steps % self._task.clip_step:
            return
        picture = self._still_picture
        if picture is None:
            picture = self._camera.submit(self._render).result()
        self._still_picture = picture if self.is_still else None
        self._reel.add(picture, step=step)

    def end_reel(self) -> PictureReel:
        """Return the pictures of the passage and begin a new reel."""
        reel, self._reel = self._reel, PictureReel()
        reel.end()
        return reel

    def close(self) -> None:
        """Close the environment."""
        self._opened.close()

    def _reset(self) -> NDArray[Any]:
        """Begin an episode with the next seed and return its first frame."""
        observation, _ = self._opened.reset(seed=int(self._seeds.integers(_MAX_SEED)))
        return self._to_frame(observation)

    def _render(self) -> NDArray[np.uint8]:
        """Render the current moment, as large as the first picture; called on the camera's thread."""
        picture = shrink(self._opened.render(), max_px=self._task.clip_size_px)
        self._picture_shape = self._picture_shape or picture.shape[:2]
        return fit(picture, self._picture_shape)


class _Lane:
    """Some of the environments; a `Lane`."""

    def __init__(self, environments: Sequence[_Environment], *, rows: slice) -> None:
        self.rows = rows
        self._environments = environments
        self._step = 0
        self.begin(0)

    def begin(self, num_steps: int) -> None:
        """Begin a passage of this many steps."""
        shape = (num_steps, len(self._environments))
        self._step = 0
        self.true_rewards: FloatArray = np.zeros(shape, np.float32)
        self.is_over: BoolArray = np.zeros(shape, np.bool_)
        self.is_still: BoolArray = np.zeros(shape, np.bool_)
        self.final_frames: dict[tuple[int, int], NDArray[Any]] = {}
        """By step and environment of the batch: the frame after each step with which an episode was over."""

    def observe(self, out: FrameArray) -> None:
        """Write the newest frames."""
        for environment, frame in zip(self._environments, out, strict=True):
            frame[...] = environment.frame

    def step(self, actions: ActionArray) -> None:
        """Make a step of each, of the recorded ones after their picture was taken."""
        for index, (environment, action) in enumerate(zip(self._environments, actions, strict=True)):
            environment.take_picture(self._step)
            self.is_still[self._step, index] = environment.is_still
            reward, is_over = environment.step(action)
            self.true_rewards[self._step, index] = reward
            self.is_over[self._step, index] = is_over
            if is_over:
                self.final_frames[self._step, self.rows.start + index] = environment.frame
                environment.begin()
        self._step += 1
