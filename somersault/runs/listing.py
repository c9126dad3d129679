"""Finds the runs in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from somersault.errors import CorruptDataError, InvalidInputError, NotFoundError
from somersault.runs.run import Run

__all__ = ["distinct_names", "find_runs"]

_MAX_DEPTH = 3  # runs/study/seed-0: what lies deeper is inside runs, or not ours


def find_runs(folder: str | Path) -> tuple[list[Run], list[str]]:
    """Find the runs in a folder and the folders in it.

    Returns:
        The runs, newest first, and a line for each folder whose run can't be read.

    Raises:
        NotFoundError: there is no such folder.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise NotFoundError(f"no folder {folder}: `somersault train` makes runs/ where it is started")
    runs: list[Run] = []
    problems: list[str] = []
    for path in _distinct(_run_folders(folder, depth=_MAX_DEPTH)):
        try:
            runs.append(Run(path))
        except (CorruptDataError, InvalidInputError) as error:
            problems.append(str(error))
    return sorted(runs, key=lambda run: run.started_s, reverse=True), problems


def distinct_names(runs: Sequence[Run], *, between: str = "/") -> list[str]:
    """Return the runs' names, preceded by those of parent folders as far as needed to tell them apart."""
    names = [""] * len(runs)
    for depth in range(1, max((len(run.path.parts) for run in runs), default=0) + 1):
        shared = Counter(names)
        names = [
            between.join(run.path.parts[-depth:]) if shared[name] > 1 or depth == 1 else name
            for name, run in zip(names, runs, strict=True)
        ]
    return names


def _distinct(paths: Sequence[Path]) -> list[Path]:
    """Return each folder once, by its own name rather than by that of a symbolic link to it."""
    by_place: dict[Path, Path] = {}
    for path in sorted(paths, key=lambda path: path.absolute() != path.resolve()):
        by_place.setdefault(path.resolve(), path)
    return list(by_place.values())


def _run_folders(folder: Path, *, depth: int) -> list[Path]:
    try:
        if (folder / "config.json").is_file():
            return [folder]
        if depth == 0:
            return []
        inside = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except (PermissionError, FileNotFoundError):  # not readable for us, or gone since its parent was read
        return []
    return [found for path in inside for found in _run_folders(path, depth=depth - 1)]
