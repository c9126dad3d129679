"""A single emulator of the Arcade Learning Environment, whose memory and screen can be read.

It plays exactly as `somersault.environments.atari_vector` does, which steps many side by side.

A step holds an action for four frames; its picture is the pixelwise maximum of the last two, because sprites
appear in every other frame only (Mnih et al. 2015, Methods). A game begins with *start frames*: one with the
fire button pressed, the rest with nothing pressed. Their number is all that is random. There are no sticky
actions: they would need a draw in each frame, and what is learned here is judged from clips, not compared
with scores that were measured with them (Machado et al. 2018, section 5).

Pressing the console's reset switch leaves some of the last game in its memory (BeamRider's and Seaquest's, at
least), so two games begin alike only after the same games since the cartridge was inserted. Inserting it
takes 125 ms, as long as 200 steps, so it isn't done for each game.

Shapes: n environments.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ale_py import Action, ALEInterface, ALEState, LoggerMode, roms
from numpy.typing import NDArray

from somersault.environments.atari_vector import FRAMES_PER_STEP, environment_of
from somersault.tasks import Task

__all__ = ["SAME_CARTRIDGE", "Emulator"]

_POOLED_FRAMES = 2
SAME_CARTRIDGE = -1
"""In place of a seed: the game begins with the reset switch, following the games before it."""
_SCREEN_ROWS, _SCREEN_COLUMNS = 210, 160


class Emulator:
    """One bare emulator, whose memory and coloured screen can be read; holds the interpreter lock while it runs."""

    def __init__(self, task: Task) -> None:
        """Start without a game: `begin` one."""
        rom = roms.get_rom_path(environment_of(task).game)
        assert rom is not None
        self._rom = rom
        ALEInterface.setLoggerMode(LoggerMode.Error)
        self._ale = ALEInterface()
        self._ale.setFloat("repeat_action_probability", 0.0)
        self._actions: Sequence[Action] = ()

    def begin(self, *, seed: int, num_start_frames: int) -> None:
        """Begin a game just as the vector environment does when it is reset with this seed.

        Args:
            seed: At least 0, inserts the cartridge anew; `SAME_CARTRIDGE` only presses the reset switch.
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
        """Hold an action for four frames, or fewer if the game ends."""
        for _ in range(FRAMES_PER_STEP):
            self._ale.act(self._actions[action])
            if self._ale.game_over():
                return

    def step_on_screen(self, action: int) -> NDArray[np.uint8]:
        """Do what `step` does and return the picture in colour: ``[210, 160, 3]`` uint8, red, green, blue."""
        picture = np.zeros((_SCREEN_ROWS, _SCREEN_COLUMNS, 3), np.uint8)
        for frame in range(FRAMES_PER_STEP):
            self._ale.act(self._actions[action])
            is_over = self._ale.game_over()
            if is_over or frame >= FRAMES_PER_STEP - _POOLED_FRAMES:
                np.maximum(picture, self._ale.getScreenRGB(), out=picture)
            if is_over:
                break
        return picture

    def save_state(self) -> ALEState:
        """Return everything that decides what follows, for `restore_state`."""
        return self._ale.cloneState(include_rng=True)

    def restore_state(self, state: ALEState) -> None:
        """Go back to a saved state of this emulator."""
        self._ale.restoreState(state)

    @property
    def memory(self) -> NDArray[np.uint8]:
        """``[128]`` uint8, a copy of the console's memory."""
        return self._ale.getRAM()
