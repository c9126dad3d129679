"""A run's settings, as far as readers of the run need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from somersault.errors import CorruptDataError, NotFoundError
from somersault.formats.strict_json import load_json

__all__ = ["RunSettings", "read_json_object"]

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """The settings with which a run began, without those that no reader needs."""

    task: str
    run_id: str
    seed: int
    label_budget: int
    """0 only in a reference run."""
    total_env_steps: int
    teacher: str
    """``none`` where people answer."""
    is_reference: bool
    """Trained on the true reward, without labels."""
    storage_url: str
    identity: str = ""
    """Drawn when it began; empty if an older program began it."""

    @property
    def labelled_by(self) -> str:
        """Who answers, in a few words."""
        if self.is_reference:
            return "true reward"
        return "people" if self.teacher == "none" else self.teacher

    @classmethod
    def read(cls, folder: Path) -> RunSettings:
        """Read a run's settings.

        Raises:
            NotFoundError: there is no run in the folder.
            CorruptDataError: the settings can't be read, or are from another version.
        """
        path = folder / "config.json"
        if not path.is_file():
            raise NotFoundError(
                f"no run in {folder}: config.json is missing; `somersault runs DIR` lists runs"
            )
        values = read_json_object(path)
        if values.get("format") != _FORMAT:
            raise CorruptDataError(
                f"{path} has format {values.get('format')!r}, this version of somersault reads format {_FORMAT}"
            )
        values.setdefault("identity", "")
        return cls(**{name: _field(path, values, name, kind) for name, kind in _FIELDS.items()})


_FIELDS: Mapping[str, type] = {
    "task": str,
    "run_id": str,
    "seed": int,
    "label_budget": int,
    "total_env_steps": int,
    "teacher": str,
    "is_reference": bool,
    "storage_url": str,
    "identity": str,
}


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        CorruptDataError: it can't be read, or holds something else.
    """
    try:
        values = load_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptDataError(f"{path} can't be read: {error}") from error
    if not isinstance(values, dict):
        raise CorruptDataError(f"{path} must hold one JSON object")
    return values


def _field(path: Path, values: Mapping[str, Any], name: str, kind: type) -> Any:
    value = values.get(name)
    if not isinstance(value, kind):
        raise CorruptDataError(f"{path} has {name} {value!r}, must be of type {kind.__name__}")
    return value
