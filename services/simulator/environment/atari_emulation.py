"""Opens emulators of the Arcade Learning Environment: many side by side, or one whose insides can be read.

A step holds an action for four frames; its picture is the brighter, dot by dot, of the last two, since sprites are
drawn in every other frame only (Mnih et al. 2015, methods). A game begins with *start frames*: one with the fire
button held, the rest with nothing held. Their number is all that chance adds. There are no sticky actions: they would
make a draw in each frame, and what is learned here is judged from clips, not compared with scores that were measured
with them (Machado et al. 2018, section 5).

Pressing the console's reset switch leaves some of the last game in its memory (of BeamRider's and Seaquest's, at
least), so a game begins alike only after the same games since the cartridge was put in. That takes 125 ms, as long as
200 steps, so it is not done for each game.

Shapes: n environments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from ale_py import Action, ALEInterface, ALEState, LoggerMode, roms
from ale_py.vector_env import AtariVectorEnv
from numpy.typing import NDArray

from somersault.errors import InvalidInputError
from somersault.tasks import AtariEnvironment, Task

__all__ = ["MAX_START_FRAMES", "SAME_CARTRIDGE", "Emulator", "environment_of", "hidden_rows", "open_vector"]

_FRAMES_PER_STEP = 4  # Mnih et al. 2015
_POOLED_FRAMES = 2
MAX_START_FRAMES = 30  # as many as "no-op starts" have (Mnih et al. 2015)
SAME_CARTRIDGE = -1
"""In place of a seed: the game begins with the reset switch, after the games before it."""
_SCREEN_ROWS, _SCREEN_COLUMNS = 210, 160
_NO_LIMIT = 1 << 30  # frames: games are ended by the batch, after whole steps


def environment_of(task: Task) -> AtariEnvironment:
    """Gives the task's game.

    Raises:
        InvalidInputError: It is played in something else, or ``ale_py`` holds no such game.
    """
    environment = task.environment
    if not isinstance(environment, AtariEnvironment):
        raise InvalidInputError("environment of the task", type(environment).__name__, "AtariEnvironment")
    if environment.game not in roms.get_all_rom_ids():
        raise InvalidInputError("game", environment.game, "the name of a ROM of ale_py, such as pong")
    return environment


def open_vector(task: Task, *, num_environments: int) -> AtariVectorEnv:
    """Opens emulators that one thread of the library steps; they wait to be reset with seeds.

    Neither lost lives nor the end of a game begin anything by themselves, and rewards are score changes.

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
        frameskip=_FRAMES_PER_STEP,
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
    """Gives the rows of a frame that show any of the rows of the screen that are to be hidden.

    Frames are shrunk by averaging areas: row r of H shows the screen from 210 · r / H to 210 · (r + 1) / H.
    """
    shrinkage = _SCREEN_ROWS / task.frame_shape[0]
    areas = environment_of(task).score_rows
    return tuple(slice(math.floor(begin / shrinkage), math.ceil(end / shrinkage)) for begin, end in areas)


class Emulator:
    """One bare emulator, whose memory and coloured screen can be read; holds the interpreter while it runs."""

    def __init__(self, task: Task) -> None:
        """Starts without a game: `begin` one."""
        rom = roms.get_rom_path(environment_of(task).game)
        assert rom is not None
        self._rom = rom
        ALEInterface.setLoggerMode(LoggerMode.Error)
        self._ale = ALEInterface()
        self._ale.setFloat("repeat_action_probability", 0.0)
        self._actions: Sequence[Action] = ()

    def begin(self, *, seed: int, num_start_frames: int) -> None:
        """Begins a game just as the vector environment does when it is reset with this seed.

        Args:
            seed: From 0, puts the cartridge in anew; `SAME_CARTRIDGE` only presses the reset switch.
            num_start_frames: How many frames pass before the first action.
        """
        if seed != SAME_CARTRIDGE:
            self._ale.setInt("random_seed", seed)
            self._ale.loadROM(self._rom)
        self._ale.reset_game()
        self._actions = self._ale.getMinimalActionSet()
        for frame in range(num_start_frames):
            is_fired = frame == 0 and Action.FIRE in self._actions
            self._ale.act(Action.FIRE if is_fired else Action.NOOP)

    def step(self, action: int) -> None:
        """Holds an action for four frames, or fewer if the game ends."""
        for _ in range(_FRAMES_PER_STEP):
            self._ale.act(self._actions[action])
            if self._ale.game_over():
                return

    def step_on_screen(self, action: int) -> NDArray[np.uint8]:
        """Does what `step` does and gives the picture in colour: ``[210, 160, 3]`` uint8, red, green, blue."""
        picture = np.zeros((_SCREEN_ROWS, _SCREEN_COLUMNS, 3), np.uint8)
        for frame in range(_FRAMES_PER_STEP):
            self._ale.act(self._actions[action])
            is_over = self._ale.game_over()
            if is_over or frame >= _FRAMES_PER_STEP - _POOLED_FRAMES:
                np.maximum(picture, self._ale.getScreenRGB(), out=picture)
            if is_over:
                break
        return picture

    def moment(self) -> ALEState:
        """Gives all that decides what follows: for `restore`."""
        return self._ale.cloneState(include_rng=True)

    def restore(self, moment: ALEState) -> None:
        """Goes back to a moment of this emulator."""
        self._ale.restoreState(moment)

    @property
    def memory(self) -> NDArray[np.uint8]:
        """``[128]`` uint8, the console's memory: a copy."""
        return self._ale.getRAM()
