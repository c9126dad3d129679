"""Tries a task's environment before a run begins: ``python -P -m services.simulator.trial TASK``.

It is reset, stepped with random actions and rendered, and everything it returns is checked as in a run; a
Gymnasium environment then goes through Gymnasium's own ``check_env``. What is wrong is the last line on
standard error, with exit code 1. Standard output announces each call before it is made, so that whoever
started this process knows where it hangs or ended.
"""

from __future__ import annotations

import contextlib
import copy
import faulthandler
import sys
import time
import warnings
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.env_checker import check_env

from services.simulator.environments import open_environment
from somersault.domain.arrays import ActionArray
from somersault.environments.declared_environment import DeclaredEnvironment
from somersault.environments.gymnasium_actions import action_maker
from somersault.environments.gymnasium_spaces import frame_maker, shrink
from somersault.errors import EnvironmentFailedError, SomersaultError
from somersault.tasks import GymnasiumEnvironment, Task, get_task
from somersault.tasks.checks import check_task
from somersault.tasks.gymnasium import open_gymnasium
from somersault.tasks.gymnasium_spaces.actions import read_actions

__all__ = ["WARNING", "main", "try_environment"]

WARNING = "warning: "
"""Prefix of a line on standard output to pass on to the user although nothing is refused."""

_NUM_STEPS = 32
_MAX_STEPPING_S = 1.5  # slow environments are tried with fewer steps


def main(name: str) -> int:
    """Try a task and return the exit code."""
    faulthandler.enable()
    try:
        try_environment(get_task(name))
    except SomersaultError as error:
        sys.stderr.write(f"somersault trial: {' '.join(str(error).split())}\n")
        return 1
    return 0


def try_environment(task: Task) -> None:
    """Try a task's environment.

    Raises:
        SomersaultError: It can't be made, raised, or returned something else than it declares.
    """
    check_task(task)
    if isinstance(task.environment, GymnasiumEnvironment):
        _try_gymnasium(task)
    else:
        _try_batch(task)


def _try_batch(task: Task) -> None:
    """Gather a few steps of two environments with random actions, true rewards included."""
    _print_line("make")
    rng = np.random.default_rng(0)
    batch = open_environment(task, num_environments=2, rng=rng)
    try:
        batch.begin(_NUM_STEPS)
        for _ in range(_NUM_STEPS):
            _print_line("step")
            for lane in batch.lanes:
                lane.step(_random_actions(task, rng, lane.rows.stop - lane.rows.start))
        batch.finish()
    finally:
        batch.close()


def _try_gymnasium(task: Task) -> None:
    """Play an environment for a little as a simulator does, then have Gymnasium check it."""
    assert isinstance(task.environment, GymnasiumEnvironment)
    _print_line("make")
    opened = open_gymnasium(task.environment, episode_steps=task.episode_steps)
    environment = DeclaredEnvironment(opened, name=task.name, listener=_CallPrinter())
    to_frame = frame_maker(environment.observation_space, task)
    to_action = action_maker(environment.action_space, task)
    note = read_actions(environment.action_space, limit=task.environment.action_limit).note
    if note is not None:
        _print_line(f"{WARNING}{note}")
    rng = np.random.default_rng(0)
    began_s = time.monotonic()
    to_frame(environment.reset(seed=0)[0])
    shrink(environment.render(), max_px=task.clip_size_px)
    for _ in range(_NUM_STEPS):
        observation, _, terminated, truncated, _ = environment.step(
            to_action(_random_actions(task, rng, 1)[0])
        )
        to_frame(observation)
        if terminated or truncated:
            to_frame(environment.reset(seed=1)[0])
        if time.monotonic() - began_s > _MAX_STEPPING_S:
            break
    shrink(environment.render(), max_px=task.clip_size_px)
    environment.close()
    _check_by_gymnasium(task)


def _check_by_gymnasium(task: Task) -> None:
    """Have Gymnasium check an environment; its warnings are for authors of environments, not for a run.

    An environment in which the same seed gives different results is reported but not refused: real machines
    are like that.

    Raises:
        EnvironmentFailedError: The check fails.
    """
    problem = _problem_by_gymnasium(task, is_deterministic=True)
    if not problem:
        return
    other_problem = _problem_by_gymnasium(task, is_deterministic=False)
    if other_problem:
        raise EnvironmentFailedError(f"environment {task.name} fails Gymnasium's check_env: {other_problem}")
    _print_line(
        f"{WARNING}environment {task.name} is not deterministic, so a seed does not repeat a run: {problem}"
    )


def _problem_by_gymnasium(task: Task, *, is_deterministic: bool) -> str:
    """Return what Gymnasium's own check finds wrong; "" for nothing.

    Args:
        task: Whose environment is opened and checked.
        is_deterministic: Whether the same seed must give the same results.
    """
    assert isinstance(task.environment, GymnasiumEnvironment)
    gymnasium.logger.min_level = gymnasium.logger.ERROR
    opened = open_gymnasium(task.environment, episode_steps=task.episode_steps)
    if not is_deterministic:
        opened.unwrapped.spec.nondeterministic = True
    with (
        warnings.catch_warnings(),
        contextlib.closing(_CopyingEnvironment(opened, name=task.name, listener=_CallPrinter())) as checked,
    ):
        warnings.simplefilter("ignore")
        try:
            check_env(checked, skip_render_check=True, skip_close_check=True)
        except EnvironmentFailedError:
            raise
        except Exception as error:  # of many kinds: assertions, gymnasium.error.Error, whatever caused them
            return (" ".join(str(error).split()) or type(error).__name__)[:300]
    return ""


class _CopyingEnvironment(DeclaredEnvironment):
    """Returns copies of observations, as a run makes them: an environment may reuse one array."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begin an episode."""
        return copy.deepcopy(super().reset(seed=seed, options=options))

    def step(self, action: Any) -> Any:
        """Make a step."""
        return copy.deepcopy(super().step(action))


def _random_actions(task: Task, rng: np.random.Generator, num: int) -> ActionArray:
    spec = task.spec
    if spec.is_discrete:
        choices = np.reshape(spec.choices, spec.action_shape)
        return rng.integers(choices, size=(num, *spec.action_shape), dtype=np.int32)
    return rng.uniform(-1, 1, (num, spec.action_dim)).astype(np.float32)


class _CallPrinter:
    """Prints each call of an environment before it is made."""

    def begin(self, method: str, step: int) -> None:
        _print_line(f"{method}, at step {step}")

    def end(self) -> None:
        _print_line("")


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
