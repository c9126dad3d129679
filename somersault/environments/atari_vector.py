"""Opens games of the Arcade Learning Environment with a task's settings, in `ale_py`'s vector environment.

A step holds an action for four frames; its picture is the pixelwise maximum of the last two, because sprites
appear in every other frame only (Mnih et al. 2015, Methods).
"""

from __future__ import annotations

import math

from ale_py import roms
from ale_py.vector_env import AtariVectorEnv

from somersault.errors import InvalidInputError
from somersault.tasks import AtariEnvironment, Task

__all__ = ["FRAMES_PER_STEP", "MAX_START_FRAMES", "environment_of", "hidden_rows", "open_vector"]

FRAMES_PER_STEP = 4  # Mnih et al. 2015
MAX_START_FRAMES = 30  # as many as "no-op starts" have (Mnih et al. 2015)
_SCREEN_ROWS = 210
_NO_LIMIT = 1 << 30  # frames: the caller ends games, after whole steps


def environment_of(task: Task) -> AtariEnvironment:
    """Return the task's environment, a game.

    Raises:
        InvalidInputError: The task's environment isn't a game, or ``ale_py`` doesn't have it.
    """
    environment = task.environment
    if not isinstance(environment, AtariEnvironment):
        raise InvalidInputError("environment of the task", type(environment).__name__, "AtariEnvironment")
    if environment.game not in roms.get_all_rom_ids():
        raise InvalidInputError("game", environment.game, "the name of a ROM of ale_py, such as pong")
    return environment


def open_vector(task: Task, *, num_environments: int) -> AtariVectorEnv:
    """Open emulators that one thread of the library steps; they wait to be reset with seeds.

    Neither a lost life nor the end of a game begins anything by itself, and rewards are changes of the score.

    Raises:
        InvalidInputError: See `environment_of`; or the game has another number of actions than the task.
    """
    height, width = task.frame_shape
    vector = AtariVectorEnv(
        environment_of(task).game,
        num_environments,
        num_threads=1,
        max_num_frames_per_episode=_NO_LIMIT,
        repeat_action_probability=0.0,
        img_height=height,
        img_width=width,
        stack_num=1,
        frameskip=FRAMES_PER_STEP,
        maxpool=True,
        noop_max=MAX_START_FRAMES,
        use_fire_reset=True,
        episodic_life=False,
        reward_clipping=False,
    )
    num_actions = len(vector.ale.get_action_set())
    if task.num_actions != num_actions:
        raise InvalidInputError("num_actions of the task", task.num_actions, f"{num_actions}, the game's")
    return vector


def hidden_rows(task: Task) -> tuple[slice, ...]:
    """Return the rows of a frame that show any row of the screen that must be hidden.

    Frames are shrunk by averaging areas: row r of H shows the screen from 210 · r / H to 210 · (r + 1) / H.
    """
    shrinkage = _SCREEN_ROWS / task.frame_shape[0]
    areas = environment_of(task).score_rows
    return tuple(slice(math.floor(begin / shrinkage), math.ceil(end / shrinkage)) for begin, end in areas)
