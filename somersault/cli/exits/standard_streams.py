"""Standard output and standard error, either of which may be closed or fill up at any time.

`somersault train … | head -1` closes ours while services run: what is written then must not raise in the middle of
something, and yet a command must come to know of it and end in order.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self, TextIO, cast

__all__ = ["Outlet", "Outlets", "when_an_outlet_is_gone"]


class Outlet:
    """Passes text on until that fails once; from then on it goes nowhere. May be used from any thread."""

    def __init__(self, stream: TextIO, *, name: str) -> None:
        """Take the stream and what a person calls it."""
        self.name = name
        self.error: OSError | None = None
        """Why nothing is passed on any more; None while it is."""
        self._stream = stream
        self._lock = threading.Lock()  # guards `error` and those who want to hear of it
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_closed_by_reader(self) -> bool:
        """Whether who read it went away, rather than that it could not be written."""
        return self.error is not None and self.error.errno in (errno.EPIPE, errno.ECONNRESET)

    def write(self, text: str) -> int:
        """Write text, if there is still somebody to read it."""
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Pass on what is held back."""
        self._attempt(self._stream.flush)

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call a function once, when the outlet is gone: now if it is already."""
        with self._lock:
            if self.error is None:
                self._listeners.append(listener)
                return
        listener()

    def remove_listener(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock, contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    def __getattr__(self, name: str) -> Any:
        """Return what else the stream has, such as its encoding and whether it is a terminal."""
        return getattr(self._stream, name)

    def _attempt(self, act: Callable[[], object]) -> None:
        if self.error is not None:
            return
        try:
            act()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        with self._lock:
            if self.error is not None:
                return
            self.error = error
            listeners, self._listeners = self._listeners, []
        self._lead_nowhere()
        for listener in listeners:
            listener()

    def _lead_nowhere(self) -> None:
        """Let the interpreter's last flush succeed, as the notes on SIGPIPE of Python's signal module have it."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


_installed: list[Outlet] = []
"""Those in the place of this process's standard streams, which are a process's own as these are."""


class Outlets:
    """Stands in the place of the standard streams between ``with`` and its end."""

    def __enter__(self) -> Self:
        """Take their place; a stream that was closed from the beginning leads nowhere, without a word."""
        _open_missing_descriptors()
        self._streams = sys.stdout, sys.stderr
        self.output = Outlet(sys.stdout or _nowhere(), name="standard output")
        self.errors = Outlet(sys.stderr or _nowhere(), name="standard error")
        sys.stdout, sys.stderr = cast("TextIO", self.output), cast("TextIO", self.errors)
        self._earlier = list(_installed)
        _installed[:] = [self.output, self.errors]
        return self

    def __exit__(self, *_: object) -> None:
        """Give the streams their place back."""
        self.flush()
        sys.stdout, sys.stderr = self._streams
        _installed[:] = self._earlier

    @property
    def gone(self) -> Outlet | None:
        """The one that takes nothing any more, None while both do."""
        return next((outlet for outlet in (self.output, self.errors) if outlet.error is not None), None)

    def flush(self) -> None:
        """Pass on everything, which may show that nobody reads any more."""
        self.output.flush()
        self.errors.flush()


@contextlib.contextmanager
def when_an_outlet_is_gone(listener: Callable[[], None]) -> Iterator[None]:
    """Call a function, from any thread, once one of this process's standard streams takes nothing any more."""
    outlets = list(_installed)
    for outlet in outlets:
        outlet.add_listener(listener)
    try:
        yield
    finally:
        for outlet in outlets:
            outlet.remove_listener(listener)


def _open_missing_descriptors() -> None:
    """Take 0, 1 and 2 where they are free, or the next file to be opened, a database perhaps, would get one of them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - lives as long as the process
