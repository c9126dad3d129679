"""The front end being checked, as a process: it is started, watched and ended; how it ended is told in a sentence."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence

from somersault.errors import InvalidInputError, SomersaultError, UnavailableError

__all__ = ["FrontEnd", "check_command", "running"]

_GRACE_S = 5.0  # to end by itself once it is asked to


class FrontEnd:
    """Knows whether and how the program ended by itself; without a program it never does."""

    def __init__(self, command: Sequence[str], *, ended: asyncio.Event) -> None:
        """Take the command, and the event to set when it ends by itself."""
        self._command = command
        self._ended = ended
        self._exit_code: int | None = None

    @property
    def end(self) -> str | None:
        """How the program ended by itself, in a sentence; None if it didn't."""
        if self._exit_code is None:
            return None
        if self._exit_code >= 0:
            return f"{self._command[0]!r} ended by itself with exit code {self._exit_code}"
        return f"{self._command[0]!r} was killed by {signal.Signals(-self._exit_code).name}"

    def notice(self, exit_code: int) -> None:
        """Take note that the program ended without being asked to."""
        self._exit_code = exit_code
        self._ended.set()

    def check_that_it_called(self, num_calls: int) -> None:
        """Refuse to judge a program that ended before it called the labeler.

        Raises:
            UnavailableError: it did.
        """
        if self.end and num_calls == 0:
            raise UnavailableError(
                f"{self.end} before it asked for a pair, so there is nothing to judge; what it printed is above"
            )


def check_command(command: Sequence[str]) -> None:
    """Refuse a program that doesn't exist or can't be run, before anything is started for it.

    Raises:
        InvalidInputError: there is no such program, or it isn't executable.
    """
    if not command or shutil.which(command[0]):
        return
    if os.path.exists(command[0]):  # noqa: PTH110 - as it was given, a folder or a file without the right to run
        raise InvalidInputError("COMMAND", command[0], "an executable program (chmod +x)")
    raise InvalidInputError("COMMAND", command[0], "a program on the PATH or the path of one")


@contextlib.asynccontextmanager
async def running(command: Sequence[str], ended: asyncio.Event) -> AsyncIterator[FrontEnd]:
    """Run a command, if there is one, until the block ends; set ``ended`` if it ends by itself.

    Raises:
        SomersaultError: it can't be started.
    """
    front_end = FrontEnd(command, ended=ended)
    if not command:
        yield front_end
        return
    process = await _start(command)
    waiting = asyncio.create_task(process.wait())
    is_over = False

    def notice(done: asyncio.Task[int]) -> None:
        if not is_over and not done.cancelled():
            front_end.notice(done.result())

    waiting.add_done_callback(notice)
    try:
        yield front_end
    finally:
        is_over = True
        await _end(process, waiting)


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    try:
        # Its output goes to standard error, so that our standard output has nothing but the verdicts.
        return await asyncio.create_subprocess_exec(*command, stdout=sys.stderr)
    except OSError as error:  # no interpreter of that name in its first line, another machine's program, …
        raise SomersaultError(f"{command[0]!r} can't be started: {error.strerror}") from error


async def _end(process: asyncio.subprocess.Process, waiting: asyncio.Task[int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE_S):
            await asyncio.shield(waiting)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await waiting
