"""The one line, of all that a process wrote, that says why it ended."""

from __future__ import annotations

import subprocess
import sys

from somersault.cli.services.last_words import last_words


def test_a_services_own_line_counts_most() -> None:
    """A library that says something at the process's end does not hide it."""
    lines = [
        '{"event": "draining"}',
        "somersault simulator: environment X raised ValueError: 1",
        "bye from pygame",
    ]
    assert last_words(lines) == "simulator: environment X raised ValueError: 1"


def test_a_group_of_errors_ends_in_a_box_that_is_no_word() -> None:
    """Python draws one around it."""
    written = subprocess.run(
        [sys.executable, "-c", "raise ExceptionGroup('two', [ValueError('of the environment')])"],
        capture_output=True,
        text=True,
        check=False,
    ).stderr
    assert last_words(written.splitlines()) == "ValueError: of the environment"


def test_a_box_drawn_around_a_traceback_is_no_word() -> None:
    """Nor are its edges."""
    assert (
        last_words(["╭─── Traceback ───╮", "│ ValueError: bad │", "╰─────────────────╯"]) == "ValueError: bad"
    )


def test_a_crash_names_its_place() -> None:
    """What faulthandler writes ends in a list of modules."""
    script = "import faulthandler; faulthandler.enable(); faulthandler._sigsegv()"
    written = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    ).stderr
    assert last_words(written.splitlines()) == "Segmentation fault in <string>:1"


def test_a_log_line_is_read() -> None:
    """JSON is for machines; its event and cause are for people."""
    assert last_words(['{"event": "collect_stream_lost", "detail": "away", "level": "info"}']) == (
        "collect_stream_lost: away"
    )
    assert last_words(['{"event": "serving"}', ""]) == "serving"
    assert last_words([]) == "nothing"
