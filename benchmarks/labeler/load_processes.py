"""The processes that load a labeler for `benchmarks.labeler.load`: spoken to by lines."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.labeler import database_filler
from benchmarks.labeler.clients import Plan
from somersault.formats.strict_json import dump_json

__all__ = ["expect", "heard", "say", "stalled", "started"]


@contextlib.contextmanager
def started(plan: Plan) -> Iterator[subprocess.Popen[str]]:
    """Start a process of labelers; `expect` it to be ready, and `say` when to begin."""
    command = [sys.executable, "-m", "benchmarks.labeler.clients"]
    with _piped(command) as process:
        say(process, dump_json(dataclasses.asdict(plan)))
        yield process


@contextlib.contextmanager
def stalled(address: str, *, num: int, token: str) -> Iterator[None]:
    """Has so many peers stall at a server, where it takes a person's ``token``."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.labeler.stalled_clients",
        address,
        database_filler.SERVICE_TOKEN,
    ]
    command += [token, str(num)]
    with _piped(command) as process:
        expect(process, "ready")
        yield
        if process.poll() is not None:
            raise RuntimeError("the stalled peers ended too soon")


@contextlib.contextmanager
def _piped(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def say(process: subprocess.Popen[str], line: str) -> None:
    """Send a process a line."""
    assert process.stdin is not None  # we asked for a pipe
    process.stdin.write(line + "\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> str:
    """Return a process's next line."""
    assert process.stdout is not None  # we asked for a pipe
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} ended without a word")
    return line


def expect(process: subprocess.Popen[str], word: str) -> None:
    """Wait for a word."""
    if (line := heard(process).strip()) != word:
        raise RuntimeError(f"{process.args!r} said {line!r}")
