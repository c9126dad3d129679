"""Turns whatever ends a command into its last line and its exit code. Nothing else does."""

from __future__ import annotations

import errno
import sqlite3
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from somersault.cli.exits.exit_codes import ExitCode
from somersault.cli.exits.standard_streams import StandardStream, StandardStreams
from somersault.errors import InvalidInputError, SomersaultError, root_of
from somersault.formats.strict_json import dump_json
from somersault.runtime.urls import hide_secrets

__all__ = ["Ending", "Interrupted", "RunCutShort", "ending_of", "error_to_report", "report_thread", "tell"]

# The base of what typer says about wrong options. Older versions take it from click, newer ones bring it along.
_UsageError: Any = typer.BadParameter.__base__

_REMEDIES = {
    errno.ENOSPC: "free space on its disk",
    errno.EDQUOT: "free space within your quota",
    errno.EACCES: "check who owns it",
    errno.EPERM: "check who owns it",
    errno.EROFS: "choose a place that can be written",
    errno.ENOTDIR: "a file has the name of a folder",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOMEM: "end other programs",
}


class Interrupted(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The command was stopped by its user; everything is drained."""

    def __init__(self, *, loss: str = "") -> None:
        """Take what could not be stored; "" if nothing is lost."""
        super().__init__(loss)
        self.loss = loss


class RunCutShort(Exception):  # noqa: N818 - its cause is the error
    """A run that had begun was cut short; the message says how to resume it."""

    def __init__(self, cause: BaseException, *, resume: str, open_command: str | None, logs: Path) -> None:
        """Take what ended it.

        Args:
            cause: What ended it.
            resume: The command that resumes it.
            open_command: The command that serves its pages meanwhile; None if it has none.
            logs: Its folder of logs.
        """
        super().__init__(str(cause))
        self.cause = cause
        self.resume = resume
        self.open_command = open_command
        self.logs = logs


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a command ends."""

    code: int
    lines: tuple[str, ...] = ()
    """Lines for a person; an error is one line on standard error."""
    is_error: bool = True
    values: Mapping[str, Any] = field(default_factory=dict)
    """What ``--json`` prints; empty if the command has printed it."""


def ending_of(error: BaseException) -> Ending:
    """Return how a command ends that an exception ended, whatever the exception."""
    if isinstance(error, RunCutShort):
        return _ending_of_run(error)
    if isinstance(error, typer.Exit | SystemExit):
        code = getattr(error, "exit_code", None) or getattr(error, "code", None) or 0
        return Ending(code=code if isinstance(code, int) else ExitCode.FAILED)
    if isinstance(error, KeyboardInterrupt | Interrupted):
        return Ending(code=ExitCode.INTERRUPTED, is_error=False, values={"error": "interrupted"})
    code, line = _described(error_to_report(error), logs=None)
    return Ending(code=code, lines=(line,), values={"error": line})


def tell(ending: Ending, streams: StandardStreams, *, is_json: bool) -> int:
    """Print how a command ended and return its exit code, once everything that it wrote is flushed."""
    streams.flush()
    if streams.failed is not None and ending.code == ExitCode.INTERRUPTED:
        streams.errors.write(f"{_why_failed(streams.failed)}\n")
    for line in ending.lines:
        if ending.is_error:
            streams.errors.write(f"somersault: error: {line}\n")
        else:
            is_elsewhere = is_json or streams.output.error is not None
            (streams.errors if is_elsewhere else streams.output).write(f"{line}\n")
    if is_json and ending.values:
        streams.output.write(dump_json(ending.values) + "\n")
    streams.flush()
    failed = streams.failed
    if failed is None or ending.code not in (ExitCode.DONE, ExitCode.INTERRUPTED):
        return ending.code
    if failed.is_closed_by_reader:
        return ExitCode.OUTPUT_CLOSED
    streams.errors.write(f"somersault: error: {_why_failed(failed)}\n")
    streams.flush()
    return ExitCode.FAILED


def _why_failed(failed: StandardStream) -> str:
    if failed.is_closed_by_reader:
        return f"{failed.name} was closed"
    return f"{failed.name} can't be written ({failed.error.strerror if failed.error else 'unknown'})"


def report_thread(arguments: threading.ExceptHookArgs) -> None:
    """Report in one line an error that ended a thread; `threading.excepthook` would print a traceback."""
    if arguments.exc_value is not None:
        place = _log_traceback(arguments.exc_value, None)
        line = _one_line(f"{type(arguments.exc_value).__name__}: {arguments.exc_value}")
        sys.stderr.write(f"somersault: warning: a thread ended by {line}; its traceback is in {place}\n")


def error_to_report(error: BaseException) -> BaseException:
    """Return the error of a group that has the clearest line: one of our own if there is one."""
    return root_of(error)


def _ending_of_run(cut: RunCutShort) -> Ending:
    cause = error_to_report(cut.cause)
    values = {"resume": cut.resume, "open": cut.open_command}
    if isinstance(cause, KeyboardInterrupt | Interrupted):
        loss = cause.loss if isinstance(cause, Interrupted) else ""
        lines = [f"stopped; {loss or 'nothing is lost'}. Resume with:", f"  {cut.resume}"]
        if cut.open_command is not None:
            lines += ["serve its pages meanwhile with:", f"  {cut.open_command}"]
        return Ending(
            code=ExitCode.INTERRUPTED,
            lines=tuple(lines),
            is_error=False,
            values={"error": "interrupted", **({"loss": loss} if loss else {}), **values},
        )
    code, line = _described(cause, logs=cut.logs)
    return Ending(
        code=code,
        lines=(f"{line}; once that is fixed, resume with: {cut.resume}",),
        values={"error": line, **values},
    )


def _described(error: BaseException, *, logs: Path | None) -> tuple[ExitCode, str]:
    """Return the exit code of an error and its one line."""
    if isinstance(error, _UsageError):
        return ExitCode.REFUSED, _one_line(f"{error.format_message()} (somersault --help)")
    if isinstance(error, SomersaultError):
        code = ExitCode.REFUSED if isinstance(error, InvalidInputError) else ExitCode.FAILED
        return code, _one_line(str(error))
    line = _describe_system(error)
    if line is not None:
        return ExitCode.FAILED, _one_line(line)
    place = _log_traceback(error, logs)
    return ExitCode.BUG, _one_line(
        f"{type(error).__name__}: {error}; this is a bug, its traceback is in {place}"
    )


def _describe_system(error: BaseException) -> str | None:
    """Return what the operating system refused; None if it is not to blame."""
    if isinstance(error, sqlite3.Error):
        return f"the database of answers can't be used: {error}; check its disk"
    if isinstance(error, MemoryError):
        return "there is not enough memory; end other programs"
    if not isinstance(error, OSError) or error.errno is None:
        return None
    place = error.filename if error.filename is not None else error.filename2
    reason = error.strerror or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0)
    what = f"{place} can't be used ({reason})" if place is not None else f"the system says: {reason}"
    return f"{what}; {remedy}" if remedy else what


def _log_traceback(error: BaseException, logs: Path | None) -> str:
    """Append an error's traceback to a file among the run's logs, or among temporary files, and return its path."""
    text = hide_secrets(
        f"{datetime.now(UTC).isoformat()} {' '.join(sys.argv)}\n{''.join(traceback.format_exception(error))}"
    )
    with suppress(OSError):
        if logs is not None:
            path = logs / "somersault.log"
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
            return str(path)
    with (
        suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w", prefix="somersault-", suffix=".log", delete=False, encoding="utf-8"
        ) as temporary,
    ):
        temporary.write(text)
        return temporary.name
    sys.stderr.write(text)
    return "the lines above"


def _one_line(text: str) -> str:
    return " ".join(text.split())
