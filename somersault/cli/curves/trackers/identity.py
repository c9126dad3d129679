"""A run's id at a tracker, kept in the run's folder so that a resume continues the same record."""

from __future__ import annotations

import secrets
from pathlib import Path

from somersault.formats.strict_json import dump_json
from somersault.runs.settings import read_json_object

__all__ = ["TrackerIdentity"]


class TrackerIdentity:
    """One tracker's entry of ``tracking.json``."""

    def __init__(self, path: Path, tracker: str) -> None:
        """Take the file, which need not exist, and the tracker's name."""
        self._path = path
        self._tracker = tracker

    @property
    def stored(self) -> str | None:
        """The stored id; None in the run's first life with this tracker."""
        return self._read().get(self._tracker)

    def store(self, identity: str) -> str:
        """Store the id and return it."""
        values = {**self._read(), self._tracker: identity}
        self._path.write_text(dump_json(values, indent=2) + "\n", encoding="utf-8")
        return identity

    def stored_or_new(self) -> str:
        """Return the stored id, or a new one that no other run has."""
        return self.stored or self.store(secrets.token_hex(4))

    def _read(self) -> dict[str, str]:
        if not self._path.is_file():
            return {}
        return read_json_object(self._path)
