"""What a clone copies from a run: its objects and its files, except what belongs to the original alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from somersault.domain.keys import identity_key
from somersault.errors import SomersaultError
from somersault.formats.strict_json import dump_json
from somersault.runs.settings import read_json_object
from somersault.storage import ObjectStore

__all__ = ["copy_files", "copy_objects", "list_objects", "remove_objects"]

_NUM_AT_ONCE = 8  # a store on a network takes its time for each

_OBJECTS = ("segments", "sealed", "clips", "policy-clips", "videos", "policies", "checkpoints")

_OF_THE_ORIGINAL = (
    *_OBJECTS,
    "identity.json",
    "config.json",  # these are written anew
    "tokens.json",
    "certificates",
    "summary.json",
    "labels.sqlite",
    "labels.sqlite-wal",
    "labels.sqlite-shm",
    "labels.sqlite.key",  # of webhooks, which a clone has none of
    ".lock",
    ".probes",
    ".temporary",
    "logs",
    "addresses.json",
    ".addresses.json.earlier",
    "tracking.json",  # an experiment tracker would take the copy for the original
    "wandb",
)


def list_objects(store: ObjectStore, run_id: str, *, is_in_folder: bool) -> list[str]:
    """Return the keys of a run's objects, leaving out the other files of a run folder."""
    keys = [key for key in store.list(f"{run_id}/") if key != identity_key(run_id)]
    if not is_in_folder:
        return keys
    return [key for key in keys if key.split("/")[1] in _OBJECTS]


def copy_objects(source: ObjectStore, target: ObjectStore, keys: list[str]) -> Iterator[int]:
    """Copy objects to the same keys of another store and yield the size of each once it is there.

    Raises:
        SomersaultError: one can't be read or written.
    """

    def copy(key: str) -> int:
        return target.put(key, source.get(key)).size_bytes

    with ThreadPoolExecutor(_NUM_AT_ONCE) as threads:
        try:
            yield from threads.map(copy, keys)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def remove_objects(store: ObjectStore, keys: list[str]) -> None:
    """Remove what was copied, as far as the store allows."""
    with suppress(SomersaultError):  # what made us give up may still hold
        for key in keys:
            store.delete(key)


def copy_files(source: Path, target: Path, *, shown_at: Path) -> None:
    """Copy a run folder's files; paths in the summary are changed to the final folder ``shown_at``.

    Raises:
        OSError: one can't be read or written.
    """
    for path in sorted(source.iterdir()):
        if path.name in _OF_THE_ORIGINAL or path.name.startswith(".tmp-"):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, target / path.name, symlinks=True)
        elif path.is_symlink() or path.is_file():
            shutil.copy2(path, target / path.name, follow_symlinks=False)
    summary = source / "summary.json"
    if summary.is_file():
        values = _moved(read_json_object(summary), source=source, target=shown_at)
        (target / summary.name).write_text(f"{dump_json(values, indent=2)}\n", encoding="utf-8")


def _moved(values: Mapping[str, Any], *, source: Path, target: Path) -> dict[str, Any]:
    """Return a summary with the copy's paths and without addresses, because nothing serves the copy."""
    moved = {name: _place(value, source=source, target=target) for name, value in values.items()}
    return moved | {name: "" for name in ("labeler_address", "web_url") if name in values}


def _place(value: Any, *, source: Path, target: Path) -> Any:
    return value.replace(str(source), str(target)) if isinstance(value, str) else value
