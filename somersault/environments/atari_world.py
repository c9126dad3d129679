"""An Atari task, one game at a time, played on through lost lives and games as a simulator does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.environments.atari_vector import hidden_rows, open_vector
from somersault.environments.world import Frame
from somersault.errors import UnavailableError
from somersault.tasks import Task

__all__ = ["AtariWorld"]

_SAME_CARTRIDGE = -1  # in place of a seed: the reset switch is pressed
_CARTRIDGE_STEPS = 4_500  # as the simulator: at the first end of a game after them a new cartridge is put in
_MAX_SEED = 2**31 - 1


class AtariWorld:
    """A `World` of a task whose environment is an `AtariEnvironment`."""

    is_still = False
    is_over = False  # none ends early

    def __init__(self, task: Task) -> None:
        """Open the game.

        Raises:
            InvalidInputError: the task names no game that there is, or has not its number of actions.
        """
        self._name = task.name
        self._vector = open_vector(task, num_environments=1)
        self._hidden_rows = hidden_rows(task)
        self._max_game_steps = task.episode_steps
        self._rng = np.random.default_rng()
        self._steps_since_cartridge = self._game_steps = 0

    def begin(self, seed: int | None) -> Frame:
        """Begin a game with a new cartridge; see `World`."""
        if seed is not None:
            entropy = int(np.random.default_rng(seed).integers(2**63))
            self._rng = np.random.default_rng((entropy, 0))
        return self._begin_game(is_new=True)

    def step(self, action: NDArray[Any]) -> Frame:
        """Make a step; where a game is over the next has begun, and the agent is not told."""
        self._vector.send(np.asarray(action, np.int32).reshape(1))
        pictures, _, is_over, _, _ = self._vector.recv()
        self._game_steps += 1
        self._steps_since_cartridge += 1
        if is_over[0] or self._game_steps == self._max_game_steps:
            return self._begin_game(is_new=self._steps_since_cartridge >= _CARTRIDGE_STEPS)
        return self._show(pictures)

    def draw(self) -> NDArray[Any]:
        """Refuse: the library's vector environment keeps no coloured picture.

        Raises:
            UnavailableError: always.
        """
        raise UnavailableError(f"{self._name} draws no coloured pictures here; `somersault render` does")

    def close(self) -> None:
        """End the library's thread; see `World`."""
        del self._vector

    def _begin_game(self, *, is_new: bool) -> Frame:
        seed = int(self._rng.integers(1, _MAX_SEED)) if is_new else _SAME_CARTRIDGE
        pictures, _ = self._vector.reset(seed=np.array([seed]), options={"reset_mask": np.array([True])})
        self._game_steps = 0
        if is_new:
            self._steps_since_cartridge = 0
        return self._show(pictures)

    def _show(self, pictures: NDArray[np.uint8]) -> Frame:
        frame: Frame = pictures[0, 0].copy()
        for rows in self._hidden_rows:
            frame[rows] = 0
        return frame
