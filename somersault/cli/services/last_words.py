"""Finds the one line in a process's output that says why it ended."""

from __future__ import annotations

import re
from collections.abc import Sequence

from somersault.formats.strict_json import load_json

__all__ = ["has_ended_itself", "last_words", "own_words"]

_OWN = re.compile(r"somersault [\w-]+: ")
_CRASH = "Fatal Python error: "
_DRAINING = "draining"
_FRAME = re.compile(r'\s*File "(?P<file>.+)", line (?P<line>\d+)')
_DRAWN = re.compile(r"[\W_]*")
"""A line of box-drawing characters only, as around tracebacks."""


def own_words(lines: Sequence[str]) -> str:
    """Return the line in which a service itself said why it ended ("somersault simulator: …"), "" if there is none."""
    own = [line for line in lines if _OWN.match(line)]
    return own[-1].removeprefix("somersault ") if own else ""


def has_ended_itself(lines: Sequence[str]) -> bool:
    """Return whether a service ended cleanly, by its own decision or when asked to, rather than mid-work."""
    return bool(own_words(lines)) or any(_logged(line) == _DRAINING for line in lines)


def last_words(lines: Sequence[str]) -> str:
    """Return the most telling line of a service's output.

    That is its own line ("somersault simulator: …"), else a crash reported by ``faulthandler`` with its place in the code,
    else the last readable line. What libraries write at exit doesn't hide it.
    """
    return own_words(lines) or _crash(lines) or _readable(lines) or "nothing"


def _crash(lines: Sequence[str]) -> str:
    crashes = [index for index, line in enumerate(lines) if line.startswith(_CRASH)]
    if not crashes:
        return ""
    told = lines[crashes[-1]].removeprefix(_CRASH)
    frame = next(filter(None, map(_FRAME.match, lines[crashes[-1] :])), None)
    return told if frame is None else f"{told} in {frame['file']}:{frame['line']}"


def _readable(lines: Sequence[str]) -> str:
    """Return the newest line that isn't just a box's edge; of a log line, its event and cause."""
    for line in reversed(lines):
        if not _DRAWN.fullmatch(line):
            return _logged(line) or line.strip(" |│┃")
    return ""


def _logged(line: str) -> str:
    try:
        fields = load_json(line)
    except ValueError:
        return ""
    if not isinstance(fields, dict) or "event" not in fields:
        return ""
    cause = next((str(fields[key]) for key in ("detail", "error", "reason") if fields.get(key)), "")
    return f"{fields['event']}: {cause}" if cause else str(fields["event"])
