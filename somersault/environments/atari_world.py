"""An Atari task, one game at a time; play goes on through lost lives and ends of games, as in a simulator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.environments.atari_vector import hidden_rows, open_vector
from somersault.environments.world import Frame
from somersault.errors import UnavailableError
from somersault.tasks import Task

__all__ = ["AtariWorld"]

_SAME_CARTRIDGE = -1  # in place of a seed: presses the reset switch
_CARTRIDGE_STEPS = (
    4_500  # as in the simulator: at the first end of a game after them the cartridge is inserted anew
)
_MAX_SEED = 2**31 - 1


class AtariWorld:
    """A `World` of a task whose environment is an `AtariEnvironment`."""

    is_still = False
    is_over = False  # none ends early

    def __init__(self, task: Task) -> None:
        """Open the game.

        Raises:
            InvalidInputError: There is no game of the task's name, or it has another number of actions.
        """
        self._name = task.name
        self._vector = open_vector(task, num_environments=1)
        self._hidden_rows = hidden_rows(task)
        self._max_game_steps = task.episode_steps
        self._rng = np.random.default_rng()
        self._steps_since_cartridge = self._game_steps = 0

    def begin(self, seed: int | None) -> Frame:
        """Begin a game with the cartridge inserted anew; see `World`."""
        if seed is not None:
            entropy = int(np.random.default_rng(seed).integers(2**63))
            self._rng = np.random.default_rng((entropy, 0))
        return self._begin_game(has_new_cartridge=True)

    def step(self, action: NDArray[Any]) -> Frame:
        """Make a step; if a game is over the next has begun, and the agent isn't told."""
        self._vector.send(np.asarray(action, np.int32).reshape(1))
        pictures, _, is_over, _, _ = self._vector.recv()
        self._game_steps += 1
        self._steps_since_cartridge += 1
        if is_over[0] or self._game_steps == self._max_game_steps:
            return self._begin_game(has_new_cartridge=self._steps_since_cartridge >= _CARTRIDGE_STEPS)
        return self._show(pictures)

    def render(self) -> NDArray[Any]:
        """Refuse: the library's vector environment keeps no coloured picture.

        Raises:
            UnavailableError: Always.
        """
        raise UnavailableError(f"{self._name} has no coloured pictures here; `somersault render` makes them")

    def close(self) -> None:
        """End the library's thread."""
        del self._vector

    def _begin_game(self, *, has_new_cartridge: bool) -> Frame:
        seed = int(self._rng.integers(1, _MAX_SEED)) if has_new_cartridge else _SAME_CARTRIDGE
        pictures, _ = self._vector.reset(seed=np.array([seed]), options={"reset_mask": np.array([True])})
        self._game_steps = 0
        if has_new_cartridge:
            self._steps_since_cartridge = 0
        return self._show(pictures)

    def _show(self, pictures: NDArray[np.uint8]) -> Frame:
        frame: Frame = pictures[0, 0].copy()
        for rows in self._hidden_rows:
            frame[rows] = 0
        return frame
