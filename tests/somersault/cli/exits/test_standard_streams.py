"""Standard streams that are closed, full, or were never there."""

from __future__ import annotations

import errno
import io
import subprocess
import sys

import pytest

from somersault.cli.exits.standard_streams import StandardStream, StandardStreams, when_a_stream_fails
from tests.somersault.cli.conftest import ROOT


class Broken(io.StringIO):
    """Takes nothing any more."""

    def __init__(self, number: int = errno.EPIPE) -> None:
        super().__init__()
        self.number = number
        self.num_attempts = 0

    def write(self, text: str) -> int:
        """Fail as the system does."""
        self.num_attempts += 1
        raise OSError(self.number, "no more")


def test_a_closed_stream_is_noted_once_and_never_raises() -> None:
    """What is written in the middle of an orderly end must not break it off."""
    stream, told = Broken(), []
    stream = StandardStream(stream, name="standard output")
    stream.add_listener(lambda: told.append("gone"))
    for _ in range(3):
        assert stream.write("text") == 4
    stream.add_listener(lambda: told.append("gone already"))
    assert told == ["gone", "gone already"]
    assert stream.num_attempts == 1
    assert stream.is_closed_by_reader
    full = StandardStream(Broken(errno.ENOSPC), name="standard output")
    full.write("text")
    assert full.error is not None
    assert not full.is_closed_by_reader


def test_whoever_asks_hears_of_either_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it asks and no longer; the streams are in their places again afterwards."""
    output, errors = io.StringIO(), Broken()
    monkeypatch.setattr("sys.stdout", output)
    monkeypatch.setattr("sys.stderr", errors)
    told: list[str] = []
    with StandardStreams() as streams:
        with when_a_stream_fails(lambda: told.append("early")):
            print("said")  # noqa: T201
        with when_a_stream_fails(lambda: told.append("late")):
            sys.stderr.write("never read")
        assert streams.failed is streams.errors
    assert told == ["late"]
    assert output.getvalue() == "said\n"
    assert sys.stdout is output


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", ">&-"])
def test_streams_closed_from_the_beginning_get_no_other_file(closed: str) -> None:
    """A database that is opened as number 2 would be written into by every warning."""
    script = (
        "import sys, os, tempfile; from somersault.cli.exits.standard_streams import StandardStreams\n"
        "with StandardStreams():\n    print('text'); sys.stderr.write('text')\n"
        "    sys.exit(0 if tempfile.TemporaryFile().fileno() > 2 else 9)"
    )
    command = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, script]
    assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == 0
