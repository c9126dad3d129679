"""By what name a tracker knows a run, kept in the run's folder so that a resume goes on with it."""

from __future__ import annotations

import secrets
from pathlib import Path

from somersault.formats.strict_json import dump_json
from somersault.runs.settings import read_json_object

__all__ = ["TrackerIdentity"]


class TrackerIdentity:
    """One tracker's entry of ``tracking.json``."""

    def __init__(self, path: Path, tracker: str) -> None:
        """Take the file, which need not exist, and whose entry is meant."""
        self._path = path
        self._tracker = tracker

    @property
    def stored(self) -> str | None:
        """What was stored; None in the run's first life with this tracker."""
        return self._read().get(self._tracker)

    def store(self, identity: str) -> str:
        """Store the name and return it."""
        values = {**self._read(), self._tracker: identity}
        self._path.write_text(dump_json(values, indent=2) + "\n", encoding="utf-8")
        return identity

    def stored_or_new(self) -> str:
        """Return the stored name, or a new one that no other run has."""
        return self.stored or self.store(secrets.token_hex(4))

    def _read(self) -> dict[str, str]:
        if not self._path.is_file():
            return {}
        return read_json_object(self._path)
