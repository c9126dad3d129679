# ruff: noqa: D102 - what each does is in the class
"""Environments as new users write them: each is odd in one way, and named after it.

``tests.odd_environments:Odd/NanObservation-v0`` is the Gymnasium id of one.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

MODULE = __name__


class Plain(gymnasium.Env):
    """Does nothing odd: four numbers, two actions, a picture of noise."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 30}

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.observation_space = spaces.Box(-10, 10, (4,), np.float32)
        self.action_space = spaces.Discrete(2)
        self.num_steps = self.num_ever = 0

    def seen(self) -> Any:
        """What is observed."""
        return np.full(4, 0.1 * (self.num_steps % 10), np.float32)

    @property
    def is_odd(self) -> bool:
        """Whether it is time for what is odd: from the third step on, or that which ODD_AT says."""
        return self.num_ever >= int(os.environ.get("ODD_AT", "3"))

    def paid(self) -> Any:
        """What a step pays."""
        return 1.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Begins."""
        super().reset(seed=seed)
        self.num_steps = 0
        return self.seen(), {}

    def step(self, action: Any) -> Any:
        """Makes a step."""
        self.num_steps += 1
        self.num_ever += 1
        return self.seen(), self.paid(), False, False, {}

    def render(self) -> Any:
        """Draws."""
        return np.full((64, 96, 3), self.num_steps % 256, np.uint8)


class Lists(Plain):
    """Observes lists."""

    def seen(self) -> Any:
        return [0.1, 0.2, 0.3, 1]


class DoubleObservation(Plain):
    """Observes float64 where it declares float32."""

    def seen(self) -> Any:
        return np.array([0.1, 0.2, 0.3, 0.4])


class NumpyRewards(Plain):
    """Pays arrays of no axis and of one, numpy's numbers, and whole ones."""

    def paid(self) -> Any:
        return (np.array(1.0), np.array([1.0]), np.float32(1), np.int64(1), 1)[self.num_steps % 5]


class NumpyFlags(Plain):
    """Returns numpy's booleans and 0."""

    def step(self, action: Any) -> Any:
        self.num_steps += 1
        return self.seen(), 1.0, np.bool_(False), 0, {}


class EarlyEnds(Plain):
    """Ends with its first step, every time."""

    def step(self, action: Any) -> Any:
        return self.seen(), 1.0, True, False, {}


class ChangingPictures(Plain):
    """Renders a larger picture each time."""

    num_pictures = 0

    def render(self) -> Any:
        self.num_pictures += 1
        return np.full((64 + self.num_pictures % 30, 96, 3), 7, np.uint8)


class NoInfo(Plain):
    """Has no info to give."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        return super().reset(seed=seed)[0], None

    def step(self, action: Any) -> Any:
        return *super().step(action)[:4], None


class NoSpeed(Plain):
    """Does not say how fast it plays."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}


class DictOfLists(Plain):
    """Observes a dict whose parts are a list and a number."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.observation_space = spaces.Dict(
            {"place": spaces.Box(-1, 1, (2,), np.float32), "kind": spaces.Discrete(3)}
        )

    def seen(self) -> Any:
        return {"place": [0.5, -0.5], "kind": np.int64(2)}


class OneArray(Plain):
    """Observes the same array each time, changed."""

    array = np.zeros(4, np.float32)

    def seen(self) -> Any:
        self.array[:] = self.num_steps
        return self.array


class AnotherEachTime(Plain):
    """Observes what no seed decides."""

    def seen(self) -> Any:
        return np.random.random(4).astype(np.float32)  # noqa: NPY002 - as new users do


class NoSeed(Plain):
    """Keeps no generator of its own."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        return self.seen(), {}


class OldStep(Plain):
    """Steps as Gym did before 0.26."""

    def step(self, action: Any) -> Any:
        return self.seen(), 1.0, False, {}


class OldReset(Plain):
    """Resets as Gym did before 0.26."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        return self.seen()


class OldestReset(Plain):
    """Resets as Gym did before there were seeds."""

    def reset(self) -> Any:
        return self.seen()


class WholeObservation(Plain):
    """Observes a number where it declares an array."""

    def seen(self) -> Any:
        return 3


class OtherShape(Plain):
    """Observes one number where it declares four, from its third step on: numpy would broadcast it."""

    def seen(self) -> Any:
        return super().seen()[:1] if self.is_odd else super().seen()


class NanObservation(Plain):
    """Observes nan from its third step on."""

    def seen(self) -> Any:
        seen = super().seen()
        seen[1] = np.nan if self.is_odd else 0
        return seen


class NanReward(Plain):
    """Pays nan from its third step on."""

    def paid(self) -> Any:
        return float("nan") if self.is_odd else 1.0


class TextReward(Plain):
    """Pays a word."""

    def paid(self) -> Any:
        return "much"


class NoFlag(Plain):
    """Returns None for whether an episode ended."""

    def step(self, action: Any) -> Any:
        return self.seen(), 1.0, None, False, {}


class NoRenderMode(Plain):
    """Has no parameter render_mode."""

    def __init__(self) -> None:
        super().__init__("rgb_array")


class NoRenderModes(Plain):
    """Renders only to a screen."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["human"]}


class NoPicture(Plain):
    """Returns nothing from render."""

    def render(self) -> Any:
        return None


class TransparentPicture(Plain):
    """Renders with a fourth channel."""

    def render(self) -> Any:
        return np.zeros((64, 96, 4), np.uint8)


class RaisesInInit(Plain):
    """Can't be made."""

    def __init__(self, render_mode: str | None = None) -> None:
        raise RuntimeError("no robot is connected")


class RaisesInReset(Plain):
    """Can't begin."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        raise ValueError("no map\nwas loaded")


class RaisesInStep(Plain):
    """Raises at its third step."""

    def step(self, action: Any) -> Any:
        answer = super().step(action)
        if self.is_odd:
            raise ValueError("the wheel is off")
        return answer


class ExitsInStep(Plain):
    """Ends the process as scripts do."""

    def step(self, action: Any) -> Any:
        sys.exit(5)


class EndsTheProcess(Plain):
    """Ends the process and says nothing."""

    def step(self, action: Any) -> Any:
        answer = super().step(action)
        if self.is_odd:
            os._exit(7)
        return answer


class Crashes(Plain):
    """Reads memory that is not its own."""

    def step(self, action: Any) -> Any:
        answer = super().step(action)
        if self.is_odd:
            ctypes.string_at(0)
        return answer


class Hangs(Plain):
    """Never returns from its third step."""

    def step(self, action: Any) -> Any:
        answer = super().step(action)
        if self.is_odd:
            time.sleep(3600)
        return answer


class RaisesOnce(Plain):
    """Raises at that step, but not where the file is that ODD_MEMORY names, which it makes."""

    def step(self, action: Any) -> Any:
        answer = super().step(action)
        memory = Path(os.environ.get("ODD_MEMORY", os.devnull))
        if self.is_odd and not memory.exists():
            memory.touch()
            raise ValueError("once in a long while")
        return answer[0], float(action), *answer[2:]  # something to learn


WORKING = (
    Plain,
    Lists,
    DoubleObservation,
    NumpyRewards,
    NumpyFlags,
    EarlyEnds,
    ChangingPictures,
    NoInfo,
    NoSpeed,
    DictOfLists,
    OneArray,
    AnotherEachTime,
)

REFUSED: dict[type[Plain], str] = {
    OldStep: "returned something else from step than (observation, reward, terminated, truncated, info)",
    OldReset: "returned a float32 array of shape (4,) from reset, must be (observation, info)",
    OldestReset: "raised TypeError(",
    WholeObservation: "returned an observation from reset that has shape (), must be (4,)",
    OtherShape: "returned an observation from step that has shape (1,), must be (4,), at step 3",
    NanObservation: "returned an observation from step that is nan at [1], must be finite, at step 3",
    NanReward: "returned nan as reward, must be a finite number, at step 3",
    TextReward: "returned 'much' as reward, must be a finite number, at step 1",
    NoFlag: "returned None as terminated, must be True or False, at step 1",
    NoRenderMode: "can't make Gymnasium environment",
    NoRenderModes: "must be an environment that renders itself as rgb_array",
    NoPicture: "returned None from render, must be a uint8 array of height x width x 3",
    TransparentPicture: "returned a uint8 array of shape (64, 96, 4) from render",
    RaisesInInit: "-v0': RuntimeError: no robot is connected",
    RaisesInReset: r"raised ValueError('no map\nwas loaded') in reset, at step 0",
    RaisesInStep: "raised ValueError('the wheel is off') at step 3",
    NoSeed: "fails Gymnasium's check_env: Expects the random number generator to have been generated",
    ExitsInStep: "ended the process, sys.exit(5), at step 1",
}

LATE = (EndsTheProcess, Crashes, Hangs, RaisesOnce)


def id_of(kind: type[Plain]) -> str:
    """The Gymnasium id, without the module."""
    return f"Odd/{kind.__name__}-v0"


for _kind in (*WORKING, *REFUSED, *LATE):
    gymnasium.register(id_of(_kind), entry_point=_kind, max_episode_steps=200)
