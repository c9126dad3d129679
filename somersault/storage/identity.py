"""Which run the objects under a run's prefix belong to: a small object among them says so.

Two runs may have the same name, a bucket may belong to another project, a folder may be copied while its objects stay where
they are. So every program compares a store with the run that it was given before it uses anything there.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass

from somersault.domain.keys import identity_key
from somersault.domain.texts import check_identity
from somersault.errors import ConfigError, CorruptDataError, InvalidInputError, NotFoundError
from somersault.formats.strict_json import dump_json, load_json
from somersault.storage.object_store import ObjectStore

__all__ = [
    "StoredIdentity",
    "check_store",
    "new_identity",
    "read_identity",
    "write_identity",
]

_FORMAT = 1
_FIELDS = {"run_id", "identity", "start_mark"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIdentity:
    """What a store says about the run whose objects it holds."""

    run_id: str
    identity: str
    """Drawn once, when the run began."""
    start_mark: str
    """Drawn at each start of the run, and kept in the folder that started it: another copy of that folder doesn't know it."""


def new_identity() -> str:
    """Return a new identity or mark: 32 random hexadecimal digits."""
    return secrets.token_hex(16)


def read_identity(store: ObjectStore, run_id: str) -> StoredIdentity | None:
    """Return what a store says about a run; None if it says nothing.

    Raises:
        CorruptDataError: what it says can't be read.
        ConfigError: a newer program said it.
        SomersaultError: the store can't be read.
    """
    key = identity_key(run_id)
    try:
        data = store.get(key)
    except NotFoundError:
        return None
    return _parse(data, key=key, run_id=run_id)


def write_identity(store: ObjectStore, said: StoredIdentity) -> None:
    """Store which run the objects belong to.

    Raises:
        SomersaultError: it can't be written.
    """
    values = {"format": _FORMAT, **asdict(said)}
    store.put(identity_key(said.run_id), f"{dump_json(values)}\n".encode())


def check_store(store: ObjectStore, run_id: str, *, identity: str) -> None:
    """Check that a store belongs to the run whose identity a service was given; an empty identity isn't compared.

    Raises:
        ConfigError: it holds another run of that name, or nothing of this run.
        SomersaultError: it can't be read.
    """
    if not identity:
        return
    check_identity("run_identity", identity)
    said = read_identity(store, run_id)
    if said is None:
        raise ConfigError(
            f"storage_url: no object {identity_key(run_id)!r} is there, so the store isn't that of run {run_id!r}, whose"
            f" identity is {identity}; correct storage_url, or mount what it names"
        )
    if said.identity != identity:
        raise ConfigError(
            f"storage_url: the store holds another run named {run_id!r}, of identity {said.identity}, not {identity};"
            " correct storage_url or run_identity"
        )


def _parse(data: bytes, *, key: str, run_id: str) -> StoredIdentity:
    try:
        values = load_json(data)
    except ValueError as error:
        raise _corrupt(key, f"it isn't JSON ({error})") from error
    if not isinstance(values, dict):
        raise _corrupt(key, "it must be a JSON object")
    version = values.pop("format", None)
    if isinstance(version, int) and version > _FORMAT:
        raise ConfigError(f"object {key!r} is of format {version}, made by a newer somersault; use that")
    if (
        version != _FORMAT
        or set(values) != _FIELDS
        or not all(isinstance(each, str) for each in values.values())
    ):
        raise _corrupt(key, f"it must have format {_FORMAT} and the texts {', '.join(sorted(_FIELDS))}")
    if values["run_id"] != run_id:
        raise _corrupt(key, f"it is of run {values['run_id']!r}")
    try:
        check_identity("identity", values["identity"])
        check_identity("start_mark", values["start_mark"])
    except InvalidInputError as error:
        raise _corrupt(key, str(error)) from error
    return StoredIdentity(**values)


def _corrupt(key: str, why: str) -> CorruptDataError:
    return CorruptDataError(
        f"object {key!r}, which says whose run the store holds, can't be read: {why}; if you know that the store is this"
        " run's, `somersault train` with --resume --adopt writes it again"
    )
