"""What one service's process may do with the files of a run on one machine, where all services have one user.

Everything outside the run stays as it is; of the run it is left what it needs. Landlock knows only what is allowed, for a path
and all beneath it, so everything beside the folders above the run is allowed one by one, as it is when the process starts. Hence
what is made later directly in one of those folders can't be read, and nothing can be made there. Only the standard library:
`somersault.processes.launch` runs it without site packages.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from somersault.formats.strict_json import dump_json, load_json
from somersault.processes import landlock

__all__ = ["Entry", "Seal", "apply", "plan", "say_open"]

MAX_ENTRIES = 10_000
"""So many files beside the folders above a run are allowed one by one, in a tenth of a second."""

_OF_A_RUN = ("tokens.json", "sealed")


class Seal(NamedTuple):
    """What is closed to a process, and what of it is left; all paths are absolute."""

    closed: tuple[str, ...]
    """Folders of which nothing is left but what follows: that of the run, and that of its objects if it is another."""
    readable: tuple[str, ...]
    """Files and folders that it reads."""
    writable: tuple[str, ...]
    """Folders in which it makes, changes and removes files."""
    made: tuple[str, ...]
    """Those of all these folders that are made if they are missing: what is made later can't be allowed any more."""
    temporary: str
    """A folder for temporary files, used only where the usual one is above the run."""

    def as_text(self) -> str:
        """Return it as `of_text` takes it."""
        return dump_json(self)

    @classmethod
    def of_text(cls, text: str) -> Seal:
        """Return what `as_text` was called on."""
        closed, readable, writable, made, temporary = load_json(text)
        return cls(tuple(closed), tuple(readable), tuple(writable), tuple(made), temporary)


class Entry(NamedTuple):
    """One thing in a folder."""

    name: str
    is_folder: bool


def apply(seal: Seal) -> None:
    """Hold this process, and what it becomes, to a seal.

    Raises:
        OSError: that can't be done here; all files stay open then.
    """
    for folder in seal.closed:
        os.stat(folder)  # one that was moved away must not be made again where it was
    for folder in seal.made:
        os.makedirs(folder, 0o700, exist_ok=True)
    closed, readable, writable = map(_real, (seal.closed, seal.readable, seal.writable))
    seal = Seal(closed, readable, writable, (), os.path.realpath(seal.temporary))
    if os.path.realpath(os.environ.get("TMPDIR") or "/tmp") in _above(closed):  # noqa: S108 - only compared
        os.makedirs(seal.temporary, 0o700, exist_ok=True)
        os.environ["TMPDIR"] = seal.temporary
        here = (seal.temporary,)
        seal = seal._replace(readable=seal.readable + here, writable=seal.writable + here)
    landlock.restrict(plan(seal, list_folder=_entries, is_run=_is_run))


def plan(
    seal: Seal, *, list_folder: Callable[[str], Iterable[Entry]], is_run: Callable[[str], bool]
) -> dict[str, int]:
    """Return the rights that a process is left, by path, for the path and all beneath it.

    Args:
        seal: What is closed, with paths that hold no link.
        list_folder: Returns what is in a folder.
        is_run: Whether a folder beside a closed one is another run's, which stays closed too.

    Raises:
        OSError: a folder above can't be listed, or there is too much to allow.
    """
    above, rights = _above(seal.closed), dict[str, int]()
    for folder in sorted(above):
        has_runs = any(os.path.dirname(closed) == folder for closed in seal.closed)
        for name, is_folder in list_folder(folder):
            path = os.path.join(folder, name)
            if path in above or path in seal.closed or (has_runs and is_folder and is_run(path)):
                continue
            rights[path] = landlock.ALL if is_folder else landlock.OF_A_FILE
            if len(rights) > MAX_ENTRIES:
                raise OSError(errno.E2BIG, f"more than {MAX_ENTRIES} files beside folders above it", folder)
    for path in seal.readable:
        rights[path] = rights.get(path, 0) | landlock.READ
    for path in seal.writable:
        rights[path] = rights.get(path, 0) | landlock.WRITE
    return rights


def say_open(error: OSError) -> None:
    """Say on standard error that a seal can't be held, as services tell their run's owner (`telemetry.tell_owner`)."""
    notice = f"all files of the run are open to it ({error})"
    sys.stderr.write(dump_json({"event": "told_owner", "level": "warning", "notice": notice}) + "\n")
    sys.stderr.flush()


def _above(closed: Iterable[str]) -> set[str]:
    """Return the folders above the closed ones that are in no closed one themselves."""
    closed = set(closed)
    above = {parent for path in closed for parent in _parents(path)}
    return {folder for folder in above if not closed & {folder, *_parents(folder)}}


def _parents(path: str) -> Iterator[str]:
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent


def _real(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(os.path.realpath, paths))


def _entries(folder: str) -> Iterator[Entry]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_symlink():
                yield Entry(entry.name, entry.is_dir(follow_symlinks=False))


def _is_run(folder: str) -> bool:
    return any(os.path.lexists(os.path.join(folder, name)) for name in _OF_A_RUN)
