"""A teacher that a user wrote: a Python function of two segments' true rewards.

    def answer(left_true_rewards, right_true_rewards, rng) -> str

takes two ``[T]`` float32 arrays and a `numpy.random.Generator`, and returns "left", "right", "equal" or "incomparable".
"""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import structlog

from somersault.domain.feedback import Preference
from somersault.errors import Retry, SomersaultError
from somersault.formats.sealed import SealedPart
from somersault.runtime import telemetry
from somersault.tasks.custom import load_teacher

__all__ = ["CustomFunction", "FunctionFailedError"]

_log = structlog.get_logger()

_HANG_S = 30.0
"""Seconds without an answer after which the run's owner is told."""


class FunctionFailedError(SomersaultError):
    """A custom function failed. It would fail on the same pair again, so the teacher ends."""

    retry = Retry.NEVER


class CustomFunction:
    """Calls a user's function, one call at a time."""

    def __init__(self, reference: str) -> None:
        """Load ``FILE.py:NAME`` or ``package.module:NAME``.

        Raises:
            InvalidInputError: There is no such function, or it doesn't take three arguments.
        """
        self._reference = reference
        self._function = load_teacher(reference)
        self._lock = threading.Lock()  # guards the function, so that it need not be thread-safe

    def __call__(self, left: SealedPart, right: SealedPart, rng: np.random.Generator) -> Preference:
        """Return the function's answer.

        Raises:
            FunctionFailedError: It raised, or returned something that isn't an answer.
        """
        try:
            with self._lock:
                answer = self._call(left, right, rng)
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # whatever a user's function raises
            _log.exception("teacher_function_failed", function=self._reference)
            raise FunctionFailedError(
                f"teacher function {self._reference} raised {type(error).__name__}: {error}"
            ) from error
        if not isinstance(answer, str) or answer not in tuple(Preference):
            raise FunctionFailedError(
                f"teacher function {self._reference} gave {answer!r:.100}, must be one of {', '.join(Preference)}"
            )
        return Preference(answer)

    def _call(self, left: SealedPart, right: SealedPart, rng: np.random.Generator) -> object:
        """Call the function, and tell the run's owner, once, if it takes unusually long."""
        words = f"teacher {self._reference} has not returned for {_HANG_S:.0f} s; it hangs, or is slow: wait or Ctrl-C"
        clock = threading.Timer(_HANG_S, partial(telemetry.tell_owner, words))
        clock.daemon = True  # a function that never returns must not keep the process
        clock.start()
        try:
            return self._function(left.true_rewards, right.true_rewards, rng)
        finally:
            clock.cancel()
