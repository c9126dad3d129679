"""Standard output and standard error, either of which may be closed or fill up at any time.

`somersault train … | head -1` closes standard output while services run. Writing must not raise in the middle of something,
and yet the command must learn of it and end cleanly.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self, TextIO, cast

__all__ = ["StandardStream", "StandardStreams", "when_a_stream_fails"]


class StandardStream:
    """Passes text on until that fails; after that it discards it. May be used from any thread."""

    def __init__(self, stream: TextIO, *, name: str) -> None:
        """Take the stream and its name in messages."""
        self.name = name
        self.error: OSError | None = None
        """Why nothing is passed on any more; None while it works."""
        self._stream = stream
        self._lock = threading.Lock()  # guards `error` and those who want to hear of it
        self._listeners: list[Callable[[], None]] = []

    @property
    def is_closed_by_reader(self) -> bool:
        """Whether its reader went away, rather than writing having failed."""
        return self.error is not None and self.error.errno in (errno.EPIPE, errno.ECONNRESET)

    def write(self, text: str) -> int:
        """Write text, if the stream still works."""
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._attempt(self._stream.flush)

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call a function once when the stream fails, or now if it has."""
        with self._lock:
            if self.error is None:
                self._listeners.append(listener)
                return
        listener()

    def remove_listener(self, listener: Callable[[], None]) -> None:
        """Remove a listener."""
        with self._lock, contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the stream, such as its encoding."""
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
        """Make the interpreter's last flush succeed, as Python's notes on SIGPIPE recommend."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


_installed: list[StandardStream] = []
"""The replacements of this process's standard streams; process-wide, as those are."""


class StandardStreams:
    """Replaces the standard streams for as long as its context lasts."""

    def __enter__(self) -> Self:
        """Replace the streams; one that was closed from the start discards everything silently."""
        _open_missing_descriptors()
        self._streams = sys.stdout, sys.stderr
        self.output = StandardStream(sys.stdout or _nowhere(), name="standard output")
        self.errors = StandardStream(sys.stderr or _nowhere(), name="standard error")
        sys.stdout, sys.stderr = cast("TextIO", self.output), cast("TextIO", self.errors)
        self._earlier = list(_installed)
        _installed[:] = [self.output, self.errors]
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the streams."""
        self.flush()
        sys.stdout, sys.stderr = self._streams
        _installed[:] = self._earlier

    @property
    def failed(self) -> StandardStream | None:
        """The stream that has failed, None while both work."""
        return next((stream for stream in (self.output, self.errors) if stream.error is not None), None)

    def flush(self) -> None:
        """Flush both, which may reveal that a stream has failed."""
        self.output.flush()
        self.errors.flush()


@contextlib.contextmanager
def when_a_stream_fails(listener: Callable[[], None]) -> Iterator[None]:
    """Call a function, from any thread, once one of this process's standard streams fails."""
    streams = list(_installed)
    for stream in streams:
        stream.add_listener(listener)
    try:
        yield
    finally:
        for stream in streams:
            stream.remove_listener(listener)


def _open_missing_descriptors() -> None:
    """Occupy descriptors 0, 1 and 2 if they are closed; otherwise the next open file, perhaps a database, would get one."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - lives as long as the process
