"""Holds a Gymnasium environment to what it declares, and names it, the step and the value where it does something else.

What means the same is made the same: lists and float64 become arrays of the space's element type, numpy's scalars and
arrays of one number become Python's numbers. What an environment raises is told with the place in its file.

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

from somersault.environments.observation_reader import Unlike, observation_reader
from somersault.errors import EnvironmentFailedError

__all__ = ["CallListener", "DeclaredEnvironment"]

_MIN_SIDE_PX, _MAX_SIDE_PX = 16, 4096
_NUMBERS = frozenset((float, int, np.float32, np.float64))  # known at a glance; others are looked at closely
_MOST = float(np.finfo(np.float32).max)  # as rewards are sent and kept
_OF_STEP = "(observation, reward, terminated, truncated, info)"
_OF_RESET = "(observation, info)"
_NO_SCREEN = "; environments of MuJoCo need MUJOCO_GL=egl or osmesa where there is no screen"

Observation = Any
Stepped = tuple[Observation, float, bool, bool, dict[str, Any]]


class CallListener(Protocol):
    """Is told of one environment's calls as they begin and end."""

    def begin(self, method: str, step: int) -> None:
        """Hear that ``method`` is called, which makes or follows this step."""
        ...

    def end(self) -> None:
        """Hear that it returned or raised."""
        ...


class _Nobody:
    """Listens to no call."""

    def begin(self, method: str, step: int) -> None:
        """Hear nothing."""

    def end(self) -> None:
        """Hear nothing."""


class DeclaredEnvironment(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment, each answer of which is checked and made what its spaces say; not thread-safe.

    Raises `EnvironmentFailedError` from each of its methods where the environment raises, ends the process by
    ``sys.exit``, or answers with something else.
    """

    def __init__(
        self,
        inner: gymnasium.Env[Any, Any],
        *,
        name: str,
        copy: int | None = None,
        listener: CallListener | None = None,
    ) -> None:
        """Take an opened environment.

        Args:
            inner: It.
            name: What to call it: its id.
            copy: Which of those side by side it is; None where there is one.
            listener: Told of each call of it.
        """
        super().__init__(inner)
        self.num_steps = 0
        """Steps made since it was opened."""
        self._who = f"environment {name}" if copy is None else f"environment {name} (copy {copy})"
        self._listener: CallListener = listener or _Nobody()
        self._read = observation_reader(inner.observation_space)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode."""
        answer = self._made("reset", lambda: self.env.reset(seed=seed, options=options))
        if not isinstance(answer, tuple) or len(answer) != 2 or not isinstance(answer[1], Mapping | None):
            raise self._failed(f"gave {_told(answer)} from reset, must be {_OF_RESET}")
        return self._observed(answer[0], "reset"), {}

    def step(self, action: Any) -> Stepped:
        """Make a step; the info, which nobody reads, is left out."""
        self.num_steps += 1
        self._listener.begin("step", self.num_steps)
        try:
            answer = self.env.step(action)
        except (Exception, SystemExit) as error:
            raise self._raised("step", error) from error
        finally:
            self._listener.end()
        if not isinstance(answer, tuple) or len(answer) != 5:
            raise self._failed(f"gave {_told(answer)} from step, must be {_OF_STEP}")
        observation, terminated, truncated = answer[0], answer[2], answer[3]
        reward: Any = answer[1]
        return (
            self._observed(observation, "step"),
            float(reward) if type(reward) in _NUMBERS and -_MOST <= reward <= _MOST else self._number(reward),
            terminated if type(terminated) is bool else self._flag("terminated", terminated),
            truncated if type(truncated) is bool else self._flag("truncated", truncated),
            {},
        )

    def render(self) -> NDArray[np.uint8]:
        """Return a picture, ``[H, W, 3]``."""
        picture = self._made("render", self.env.render)
        bound = f"a uint8 array of height x width x 3, {_MIN_SIDE_PX} to {_MAX_SIDE_PX} high and wide"
        if not isinstance(picture, np.ndarray):
            raise self._failed(f"gave {_told(picture)} from render, must be {bound}")
        sides = picture.shape[:2]
        is_sensible = len(sides) == 2 and min(sides) >= _MIN_SIDE_PX and max(sides) <= _MAX_SIDE_PX
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not is_sensible:
            told = f"a {picture.dtype} array of shape {picture.shape}"
            raise self._failed(f"gave {told} from render, must be {bound}")
        return picture

    def close(self) -> None:
        """End it."""
        self._made("close", self.env.close)

    def _made(self, method: str, work: Any) -> Any:
        """Return what a call of the environment came to."""
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
        except Unlike as unlike:
            raise self._failed(f"gave an observation from {method} that {unlike}") from unlike

    def _number(self, reward: Any) -> float:
        """Return a reward as a float."""
        number = _only_number_in(reward, kinds="biuf")
        if number is None or not math.isfinite(number):
            raise self._failed(f"gave {_told(reward)} as reward, must be a finite number")
        if not -_MOST <= number <= _MOST:
            raise self._failed(f"gave {_told(reward)} as reward, must be within what float32 holds")
        return float(number)

    def _flag(self, name: str, said: Any) -> bool:
        number = _only_number_in(said, kinds="biu")
        if number not in (0, 1):
            raise self._failed(f"gave {_told(said)} as {name}, must be True or False")
        return bool(number)

    def _failed(self, what: str) -> EnvironmentFailedError:
        return EnvironmentFailedError(f"{self._who} {what}, at step {self.num_steps}")

    def _raised(self, method: str, error: BaseException) -> EnvironmentFailedError:
        """Return the error for what the environment raised: with its kind, text, step and place."""
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
            return self._failed(f"gave something else from {method} than {bound}: {error}")
        hint = _NO_SCREEN if method == "render" and "mujoco" in place.lower() else ""
        return EnvironmentFailedError(f"{self._who} raised {_line_of(error)} {when} {place}{hint}")


def _only_number_in(value: Any, *, kinds: str) -> Any:
    """Return the number that a value is, or the only one in it; None where there is none of these kinds of numpy's."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    return array.reshape(()).item() if array.size == 1 and array.dtype.kind in kinds else None


def _line_of(error: BaseException) -> str:
    """Return an error's kind and its message, quoted: what is told after it is none of its words."""
    text = str(error)
    return f"{type(error).__name__}({text!r})" if text else type(error).__name__


def _told(value: Any) -> str:
    """Return what something is, in a few words."""
    if isinstance(value, tuple):
        hint = ": as Gym's old API had it" if len(value) == 4 else ""
        return f"{len(value)} values{hint}"
    if isinstance(value, np.ndarray) and value.size > 1:
        return f"a {value.dtype} array of shape {value.shape}"
    text = repr(value)
    return text if len(text) <= 80 else f"a {type(value).__name__}"


def _file_of(environment: Any) -> str:
    try:
        return inspect.getfile(type(environment))
    except (OSError, TypeError):  # made in no file
        return ""


def _is_of_gymnasium(path: str) -> bool:
    return path.startswith(gymnasium.__path__[0])


def _is_unpacking(error: BaseException) -> bool:
    return isinstance(error, TypeError | ValueError) and "unpack" in str(error)
