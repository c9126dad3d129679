"""Notices of services to the user of the command: log lines that `somersault.runtime.telemetry` marks as such."""

from __future__ import annotations

from pathlib import Path

from somersault.formats.strict_json import load_json
from somersault.runtime.telemetry import NOTICE

__all__ = ["Notices"]

_MOST_BYTES = 1 << 20  # of a log at a time; what a service says in half a second is far less


class Notices:
    """Follows one service's log."""

    def __init__(self, log: Path) -> None:
        """Take the log, which need not exist; what earlier lives of the run wrote is skipped."""
        self._log = log
        self._place = log.stat().st_size if log.is_file() else 0

    def read(self) -> list[str]:
        """Return the notices since the last call."""
        if not self._log.is_file() or self._log.stat().st_size <= self._place:
            return []
        with self._log.open("rb") as file:
            file.seek(self._place)
            data = file.read(_MOST_BYTES)
        whole = data[: data.rfind(b"\n") + 1] or (data if len(data) == _MOST_BYTES else b"")
        self._place += len(whole)
        marked = (line for line in whole.splitlines() if f'"{NOTICE}"'.encode() in line)
        return [text for line in marked if (text := _text_of(line))]


def _text_of(line: bytes) -> str:
    try:
        value = load_json(line)
    except ValueError:
        return ""
    return str(value.get(NOTICE, "")) if isinstance(value, dict) else ""
