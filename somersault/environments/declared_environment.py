"""Holds a Gymnasium environment to what it declares; errors name the environment, the step and the value.

Equivalent values are converted: lists and float64 become arrays of the space's element type, numpy's scalars
and arrays of one number become Python numbers. What an environment raises is reported with the place in its
file.

Shapes: H height and W width of a picture.
"""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Mapping
from typing import Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from somersault.environments.observation_reader import SpaceMismatchError, observation_reader
from somersault.errors import EnvironmentFailedError

__all__ = ["CallListener", "DeclaredEnvironment"]

_MIN_SIDE_PX, _MAX_SIDE_PX = 16, 4096
_NUMBERS = frozenset((float, int, np.float32, np.float64))  # recognised at a glance; others are examined
_MAX_REWARD = float(np.finfo(np.float32).max)  # rewards are sent and stored as float32
_OF_STEP = "(observation, reward, terminated, truncated, info)"
_OF_RESET = "(observation, info)"
_NO_SCREEN = "; environments of MuJoCo need MUJOCO_GL=egl or osmesa where there is no screen"

Observation = Any
Stepped = tuple[Observation, float, bool, bool, dict[str, Any]]


class CallListener(Protocol):
    """Hears of one environment's calls as they begin and end."""

    def begin(self, method: str, step: int) -> None:
        """``method`` is being called, which makes or follows this step."""
        ...

    def end(self) -> None:
        """It has returned or raised."""
        ...


class _NoListener:
    """Ignores all calls."""

    def begin(self, method: str, step: int) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


class DeclaredEnvironment(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment whose return values are all checked, and converted to what its spaces say; not thread-safe.

    Every method raises `EnvironmentFailedError` if the environment raises, ends the process with
    ``sys.exit``, or returns something else.
    """

    def __init__(
        self,
        inner: gymnasium.Env[Any, Any],
        *,
        name: str,
        copy: int | None = None,
        listener: CallListener | None = None,
    ) -> None:
        """Wrap an opened environment.

        Args:
            inner: The environment.
            name: Its id, for messages.
            copy: Its number among those side by side; None if there is only one.
            listener: Hears of each call of it.
        """
        super().__init__(inner)
        self.num_steps = 0
        """Steps made since it was opened."""
        self._who = f"environment {name}" if copy is None else f"environment {name} (copy {copy})"
        self._listener: CallListener = listener or _NoListener()
        self._read = observation_reader(inner.observation_space)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode."""
        answer = self._call("reset", lambda: self.env.reset(seed=seed, options=options))
        if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[1], Mapping | None):
            raise self._failed(f"returned {_describe(answer)} from reset, must be {_OF_RESET}")
        return self._observed(answer[0], "reset"), {}

    def step(self, action: Any) -> Stepped:
        """Make a step; the info, which isn't used, is left out."""
        self.num_steps += 1
        self._listener.begin("step", self.num_steps)
        try:
            answer = self.env.step(action)
        except (Exception, SystemExit) as error:
            raise self._raised("step", error) from error
        finally:
            self._listener.end()
        if not isinstance(answer, tuple) or len(answer) != 5:
            raise self._failed(f"returned {_describe(answer)} from step, must be {_OF_STEP}")
        observation, terminated, truncated = answer[0], answer[2], answer[3]
        reward: Any = answer[1]
        return (
            self._observed(observation, "step"),
            float(reward)
            if type(reward) in _NUMBERS and -_MAX_REWARD <= reward <= _MAX_REWARD
            else self._number(reward),
            terminated if type(terminated) is bool else self._flag("terminated", terminated),
            truncated if type(truncated) is bool else self._flag("truncated", truncated),
            {},
        )

    def render(self) -> NDArray[np.uint8]:
        """Return a picture, ``[H, W, 3]``."""
        picture = self._call("render", self.env.render)
        bound = f"a uint8 array of height x width x 3, {_MIN_SIDE_PX} to {_MAX_SIDE_PX} high and wide"
        if not isinstance(picture, np.ndarray):
            raise self._failed(f"returned {_describe(picture)} from render, must be {bound}")
        sides = picture.shape[:2]
        is_sensible = len(sides) == 2 and min(sides) >= _MIN_SIDE_PX and max(sides) <= _MAX_SIDE_PX
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not is_sensible:
            found = f"a {picture.dtype} array of shape {picture.shape}"
            raise self._failed(f"returned {found} from render, must be {bound}")
        return picture

    def close(self) -> None:
        """Close the environment."""
        self._call("close", self.env.close)

    def _call(self, method: str, work: Any) -> Any:
        """Call the environment and return what it returns."""
        self._listener.begin(method, self.num_steps)
        try:
            return work()
        except (Exception, SystemExit) as error:
            raise self._raised(method, error) from error
        finally:
            self._listener.end()

    def _observed(self, seen: Any, method: str) -> Observation:
        try:
            return self._read(seen)
        except SpaceMismatchError as mismatch:
            raise self._failed(f"returned an observation from {method} that {mismatch}") from mismatch

    def _number(self, reward: Any) -> float:
        """Return a reward as a float."""
        number = _only_number_in(reward, kinds="biuf")
        if number is None or not math.isfinite(number):
            raise self._failed(f"returned {_describe(reward)} as reward, must be a finite number")
        if not -_MAX_REWARD <= number <= _MAX_REWARD:
            raise self._failed(f"returned {_describe(reward)} as reward, must be within what float32 holds")
        return float(number)

    def _flag(self, name: str, said: Any) -> bool:
        number = _only_number_in(said, kinds="biu")
        if number not in (0, 1):
            raise self._failed(f"returned {_describe(said)} as {name}, must be True or False")
        return bool(number)

    def _failed(self, what: str) -> EnvironmentFailedError:
        return EnvironmentFailedError(f"{self._who} {what}, at step {self.num_steps}")

    def _raised(self, method: str, error: BaseException) -> EnvironmentFailedError:
        """Return the error for what the environment raised, with its type, text, step and place."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename == _file_of(self.env.unwrapped)]
        place = f"({(own or frames)[-1].filename}:{(own or frames)[-1].lineno})"
        when = f"at step {self.num_steps}" if method == "step" else f"in {method}, at step {self.num_steps}"
        if isinstance(error, SystemExit):
            return EnvironmentFailedError(
                f"{self._who} ended the process, sys.exit({error.code!r}), {when} {place}"
            )
        if _is_of_gymnasium(frames[-1].filename) and own[-1:] != frames[-1:] and _is_unpacking(error):
            bound = _OF_STEP if method == "step" else _OF_RESET
            return self._failed(f"returned something else from {method} than {bound}: {error}")
        hint = _NO_SCREEN if method == "render" and "mujoco" in place.lower() else ""
        return EnvironmentFailedError(f"{self._who} raised {_line_of(error)} {when} {place}{hint}")


def _only_number_in(value: Any, *, kinds: str) -> Any:
    """Return the number that a value is, or the only one in it; None if there is none of these numpy kinds."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    return array.reshape(()).item() if array.size == 1 and array.dtype.kind in kinds else None


def _line_of(error: BaseException) -> str:
    """Return an error's type and its message, quoted to set it apart from what follows."""
    text = str(error)
    return f"{type(error).__name__}({text!r})" if text else type(error).__name__


def _describe(value: Any) -> str:
    """Return a short description of a value."""
    if isinstance(value, tuple):
        hint = ", as in Gym's old API" if len(value) == 4 else ""
        return f"{len(value)} values{hint}"
    if isinstance(value, np.ndarray) and value.size > 1:
        return f"a {value.dtype} array of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 80 else f"a {type(value).__name__}"


def _file_of(environment: Any) -> str:
    try:
        return inspect.getfile(type(environment))
    except (OSError, TypeError):  # not defined in a file
        return ""


def _is_of_gymnasium(path: str) -> bool:
    return path.startswith(gymnasium.__path__[0])


def _is_unpacking(error: BaseException) -> bool:
    return isinstance(error, TypeError | ValueError) and "unpack" in str(error)
