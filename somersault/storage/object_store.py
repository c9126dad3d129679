"""What every object store promises, and the checks that all of them share."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from somersault.errors import (
    CorruptDataError,
    InvalidInputError,
    ResourceExhaustedError,
    SomersaultError,
)

MAX_OBJECT_BYTES = 256 * 1024**2  # objects are held in memory whole; a checkpoint is a few MiB

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Describes an object as it was stored."""

    key: str
    """The name it is found by again."""

    size_bytes: int
    """Its length."""

    sha256: str
    """The SHA-256 of its bytes, 64 lower-case hexadecimal digits; a reader expects it."""


class ObjectStore(Protocol):
    """Keeps immutable byte strings under keys such as ``run-1/clips/s7.mp4``.

    Calls block, from any thread; inside an event loop they belong in ``asyncio.to_thread``. Besides
    the errors named below, each method raises ``InvalidInputError`` for a key out of bounds,
    ``UnavailableError`` when the store can't be reached within a bounded time, and
    ``PermissionDeniedError`` when it refuses us; a missing bucket is a ``NotFoundError``, but to
    `exists`, to which servers don't tell it from a missing object.
    """

    def put(self, key: str, data: bytes) -> StoredObject:
        """Store an object durably, replacing that key's; readers see the old or the new one whole.

        ``rclone serve s3`` can't keep the last promise: it writes over the old object in place, so a
        key that others may be reading is better written once.

        Raises:
            ResourceExhaustedError: the object is past the bound on size, or the store is full.
        """

    def get(self, key: str, *, expect_sha256: str | None = None) -> bytes:
        """Return an object's bytes, verified against the digest that the caller recorded, if any.

        Raises:
            NotFoundError: no object has that key.
            CorruptDataError: the bytes have not the digest expected or stored beside them.
            ResourceExhaustedError: the object is past the bound on size.
        """

    def exists(self, key: str) -> bool:
        """Return whether an object has that key."""

    def list(self, prefix: str) -> Iterator[str]:
        """Return the keys that start with a prefix (``""`` for all), in code point order."""

    def delete(self, key: str) -> None:
        """Remove an object; without one of that key, do nothing."""

    def check(self) -> None:
        """Writes, reads and deletes a probe, so that a store we can't use is known at start-up."""


def describe(key: str, data: bytes) -> StoredObject:
    """Return the description that goes with an object's bytes."""
    return StoredObject(key=key, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


def check_size(key: str, *, size_bytes: int, max_bytes: int) -> None:
    """Refuse an object past the bound on size.

    Raises:
        ResourceExhaustedError: it is larger than ``max_bytes``.
    """
    if size_bytes > max_bytes:
        raise ResourceExhaustedError(
            f"object {key!r} has {size_bytes} bytes, the store takes at most {max_bytes}"
        ).never()


def check_digest(expect_sha256: str | None) -> None:
    """Refuse an expected digest that no object could have.

    Raises:
        InvalidInputError: it is not 64 lower-case hexadecimal digits.
    """
    if expect_sha256 is not None and not _SHA256.fullmatch(expect_sha256):
        raise InvalidInputError("expect_sha256", expect_sha256, "64 lower-case hexadecimal digits")


def verify(key: str, data: bytes, *digests: str | None) -> None:
    """Compare an object's bytes with each digest that is known.

    Raises:
        CorruptDataError: one of them differs.
    """
    known = [digest for digest in digests if digest is not None]
    if not known:
        return
    found = hashlib.sha256(data).hexdigest()
    for digest in known:
        if digest != found:
            # Without the digest found: whoever learns it can claim to have stored what they can't read.
            raise CorruptDataError(
                f"object {key!r} is not what was stored: its SHA-256 is another than expected"
            )


def probe(store: ObjectStore) -> None:
    """Prove that a store can be written, read and deleted from; see `ObjectStore.check`."""
    key, data = f".probe-{secrets.token_hex(8)}", secrets.token_bytes(32)
    stored = store.put(key, data)
    try:
        store.get(key, expect_sha256=stored.sha256)
    except SomersaultError:
        store.delete(key)
        raise
    store.delete(key)
