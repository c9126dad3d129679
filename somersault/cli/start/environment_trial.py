"""Tries a task's environment before a run begins, in a process of its own because it may raise, crash, exit or hang."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from somersault.cli.services.last_words import last_words
from somersault.errors import InvalidInputError
from somersault.processes.modules import module_command
from somersault.tasks import is_own_task

__all__ = ["try_environment"]

_MODULE = "services.simulator.trial"  # its code sees true rewards, so none of it is imported here
_REFUSED = 1
_LONGEST_S = 10.0
_WARNING = "warning: "


async def try_environment(task: str, *, say: Callable[[str], None], longest_s: float = _LONGEST_S) -> None:
    """Try whether an environment does what it declares; built-in tasks aren't tried.

    Args:
        task: The task's name, file or Gymnasium id.
        say: Called with warnings.
        longest_s: Seconds after which the trial of a slow environment is given up.

    Raises:
        InvalidInputError: it doesn't; one line says what it did.
    """
    if is_own_task(task):
        return
    process = await asyncio.create_subprocess_exec(
        *module_command(_MODULE, task),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,
    )
    told: list[str] = []
    try:
        async with asyncio.timeout(longest_s):
            written, _ = await asyncio.gather(_read(process.stderr), _follow(process.stdout, told, say))
            code = await process.wait()
    except TimeoutError:
        what = next((line for line in reversed(told) if line), "its beginning")
        say(
            f"warning: environment {task} was not tried to the end: no answer to {what} after {longest_s:.0f} s;"
            " the run begins anyway"
        )
        return
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code:
        raise InvalidInputError(_problem(task, code, told=told, written=written))


async def _read(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    return (await stream.read()).decode(errors="replace")


async def _follow(stream: asyncio.StreamReader | None, told: list[str], say: Callable[[str], None]) -> None:
    """Collect what the process says it is doing and pass on its warnings."""
    assert stream is not None
    async for line in stream:
        text = line.decode(errors="replace").strip()
        if text.startswith(_WARNING):
            say(text)
        else:
            told.append(text)


def _problem(task: str, code: int, *, told: list[str], written: str) -> str:
    """Return why the process ended: its own line, or what the environment was doing."""
    words = last_words(written.splitlines())
    if code == _REFUSED and words.startswith("trial: "):
        return words.removeprefix("trial: ")
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    what = next((line for line in reversed(told) if line), "its beginning")
    end = "" if words == "nothing" else f"; its last words: {words}"
    return f"environment {task} ended the process ({how}) in {what}{end}"
