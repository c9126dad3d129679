"""Small environments of Gymnasium, one for each kind of space: they show what they are asked to and check what is done."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

__all__ = ["SPACES", "Synthetic", "name_of", "slow_unless"]


class Synthetic(gymnasium.Env):
    """Shows samples of its observation space, takes nothing that its action space doesn't hold, ends after 20 steps."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self,
        render_mode: str | None = None,
        *,
        seen: spaces.Space | None = None,
        done: spaces.Space | None = None,
    ) -> None:
        """Take the spaces: three numbers and one of three choices if not said."""
        self.render_mode = render_mode
        self.observation_space = spaces.Box(-1, 1, (3,)) if seen is None else seen
        self.action_space = spaces.Discrete(3) if done is None else done
        self.done: list[Any] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin anew."""
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.done = []
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Keep the action; pay the mean of its numbers."""
        assert self.action_space.contains(action), f"{action!r} is not of {self.action_space}"
        self.done.append(action)
        reward = float(np.mean(np.asarray(action, np.float64)))
        return self.observation_space.sample(), reward, len(self.done) == 20, False, {}

    def render(self) -> np.ndarray:
        """Draw how many steps there were."""
        picture = np.zeros((40, 60, 3), np.uint8)
        picture[: len(self.done)] = 255
        return picture


SPACES: dict[str, dict[str, spaces.Space]] = {
    "Choices": {"done": spaces.MultiDiscrete([3, 2, 5])},
    "CountedChoices": {"done": spaces.MultiDiscrete([[3, 2], [2, 4]], start=[[1, 0], [5, 0]])},
    "Bits": {"done": spaces.MultiBinary(4)},
    "BitTable": {"done": spaces.MultiBinary((2, 3))},
    "CountedChoice": {"done": spaces.Discrete(3, start=7)},
    "Whole": {"done": spaces.Box(-3, 9, (2,), np.int16)},
    "Unbounded": {"done": spaces.Box(-np.inf, np.inf, (2,))},
    "HalfBounded": {
        "done": spaces.Box(np.array([0, -np.inf], np.float32), np.array([np.inf, 5], np.float32))
    },
    "Table": {"done": spaces.Box(-2, 2, (2, 3), np.float64)},
    "Scalar": {"done": spaces.Box(-2, 2, ())},
    "Matrix": {"seen": spaces.Box(-1, 1, (2, 5))},
    "Sensors": {
        "seen": spaces.Dict(
            gear=spaces.Discrete(3, start=1),
            lamps=spaces.MultiBinary(2),
            parts=spaces.Tuple((spaces.MultiDiscrete([2, 3]), spaces.Box(-1, 1, (2,), np.float64))),
        )
    },
    "Grey": {"seen": spaces.Box(0, 255, (60, 80), np.uint8)},
    "ColoursLast": {"seen": spaces.Box(0, 255, (60, 80, 3), np.uint8)},
    "ColoursFirst": {"seen": spaces.Box(0, 255, (3, 60, 80), np.uint8)},
    "Shares": {"seen": spaces.Box(0, 1, (60, 80, 1), np.float32)},
    "Stack": {"seen": spaces.Box(0, 255, (4, 60, 80), np.uint8)},
    "StackLast": {"seen": spaces.Box(0, 255, (60, 80, 4), np.uint8)},
    "StackOfColours": {"seen": spaces.Box(0, 255, (2, 60, 80, 3), np.uint8)},
    "StackOfColoursFirst": {"seen": spaces.Box(0, 1, (2, 3, 60, 80), np.float32)},
    "PictureAndSensors": {
        "seen": spaces.Dict(
            camera=spaces.Box(0, 255, (60, 80, 3), np.uint8),
            gear=spaces.Discrete(3),
            speed=spaces.Box(-9, 9, (2,)),
        ),
        "done": spaces.Box(-1, 1, (2,)),
    },
    "NestedStack": {
        "seen": spaces.Tuple((spaces.Dict(eye=spaces.Box(0, 1, (3, 60, 80, 1))), spaces.MultiBinary(3))),
        "done": spaces.MultiDiscrete([2, 3]),
    },
}
"""By name; ``name_of`` makes a Gymnasium id of it."""


def slow_unless(quick: Collection[str], *, among: Iterable[str] = ()) -> list[Any]:
    """Return the ids of kinds of `SPACES`, or of those ``among`` them, as parameters that are slow but for the quick ones."""
    return [
        name_of(kind) if kind in quick else pytest.param(name_of(kind), marks=pytest.mark.slow)
        for kind in among or SPACES
    ]


def name_of(kind: str) -> str:
    """Return the id of a kind of `SPACES`, which is found in any process that has the tests on its path."""
    return f"{__name__}:{kind}-v0"


for _kind, _spaces in SPACES.items():
    gymnasium.register(f"{_kind}-v0", entry_point=Synthetic, kwargs=_spaces)
