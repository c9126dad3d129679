"""Names of runs and of their folders: from a name to a folder and from a folder to a name."""

from __future__ import annotations

import re
import shlex
import unicodedata
from contextlib import suppress
from pathlib import Path

from somersault.domain.texts import check_name
from somersault.errors import ConfigError, InvalidInputError
from somersault.runs import find_runs

__all__ = ["find_folder", "name_of", "next_folder"]

_MAX_NAME = 64  # of a run's
_NAMELESS = "run"
_NONE = "null"  # what a service's flag reads as no value
_MAX_STEM = 56  # leaves room for the number


def find_folder(run: Path) -> Path:
    """Return a run's folder, given by its path or, for one in ``runs/``, by the run's name.

    Raises:
        ConfigError: several runs began with that name.
    """
    run = run.expanduser()
    if run.name != str(run) or run.exists():
        return run
    folder = Path("runs") / run
    if folder.exists() or not folder.parent.is_dir():
        return folder
    renamed = [found.path for found in find_runs(folder.parent)[0] if found.settings.run_id == str(run)]
    if len(renamed) > 1:
        names = ", ".join(shlex.quote(str(path)) for path in sorted(renamed))
        raise ConfigError(f"several runs in runs/ began as {run}: {names}; name the folder")
    return renamed[0] if renamed else folder


def next_folder(runs: Path, task: str) -> Path:
    """Return the first of ``TASK-1``, ``TASK-2``, … that doesn't exist, with hyphens for characters that can't name a run."""
    stem = name_of(task)[:_MAX_STEM]
    number = 1
    while (runs / f"{stem}-{number}").exists():
        number += 1
    return runs / f"{stem}-{number}"


def name_of(text: str) -> str:
    """Return a valid run name made from any text, with hyphens for characters that can't be in one."""
    if text == _NONE:
        return _NAMELESS
    with suppress(InvalidInputError):
        return check_name("name", text)
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).lstrip("._-")[:_MAX_NAME].rstrip("-") or _NAMELESS
