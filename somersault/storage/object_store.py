"""What every object store promises, and the checks that all of them share."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from somersault.errors import (
    CorruptDataError,
    InvalidInputError,
    ResourceExhaustedError,
    SomersaultError,
    UnavailableError,
)

MAX_OBJECT_BYTES = 256 * 1024**2  # objects are held in memory whole; a checkpoint is a few MiB

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUM_THREADS = 16

_P = ParamSpec("_P")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it was stored."""

    key: str
    """The name by which it is found again."""

    size_bytes: int
    """Its length."""

    sha256: str
    """The SHA-256 of its bytes, 64 lower-case hexadecimal digits; readers verify it."""


class ObjectStore(Protocol):
    """Stores immutable byte strings under keys such as ``run-1/clips/s7.mp4``.

    Methods block and may be called from any thread; in an event loop use `StoreThreads`. Besides
    the errors named below, each method raises ``InvalidInputError`` for an invalid key,
    ``UnavailableError`` if the store can't be reached within a bounded time, and
    ``PermissionDeniedError`` if it refuses access. A missing bucket is a ``NotFoundError``, except in
    `exists`, where servers don't distinguish it from a missing object.
    """

    def put(self, key: str, data: bytes) -> StoredObject:
        """Store an object durably, replacing the one of that key; readers see the old or the new one, never a mixture.

        ``rclone serve s3`` can't keep the last promise: it overwrites the old object in place, so a
        key that others may be reading should be written only once.

        Raises:
            ResourceExhaustedError: the object is past the bound on size, or the store is full.
        """

    def get(self, key: str, *, expect_sha256: str | None = None) -> bytes:
        """Return an object's bytes, verified against the digest that the caller recorded, if any.

        Raises:
            NotFoundError: no object has that key.
            CorruptDataError: the bytes don't have the digest that is expected, or the one stored beside them.
            ResourceExhaustedError: the object is past the bound on size.
        """

    def exists(self, key: str) -> bool:
        """Return whether an object has that key."""

    def list(self, prefix: str) -> Iterator[str]:
        """Return the keys that start with a prefix (``""`` for all), in code point order."""

    def delete(self, key: str) -> None:
        """Remove an object; do nothing if there is none of that key."""

    def check(self) -> None:
        """Write, read and delete a probe, so that a store that can't be used is found at start-up."""


class StoreThreads:
    """Threads for work that waits for a store, so that nothing else waits with it when the store says nothing."""

    def __init__(self) -> None:
        """Begin without any."""
        self._threads = _new_threads()

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return what ``work`` returns in one of the threads, once there is room; what hasn't begun can be cancelled."""
        in_context = functools.partial(contextvars.copy_context().run, work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, in_context)

    async def run_within(
        self, timeout_s: float, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Return what ``work``, which only reads, returns within a time; afterwards what it does is left alone.

        Raises:
            UnavailableError: It took longer, or there was no room for so long.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self.run(work, *args, **kwargs)
        except TimeoutError as err:
            raise UnavailableError(f"the object store said nothing for {timeout_s:g} s") from err

    def end(self) -> None:
        """End the threads that wait for work, and wait for none of the others."""
        ended, self._threads = self._threads, _new_threads()
        ended.shutdown(wait=False, cancel_futures=True)


def _new_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_NUM_THREADS, thread_name_prefix="store")


STORE_THREADS = StoreThreads()
"""Those of this process."""


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
            # The digest found is left out: a caller that learns it could claim to have stored what it can't read.
            raise CorruptDataError(
                f"object {key!r} is not what was stored: its SHA-256 differs from the one expected"
            )


def probe(store: ObjectStore, *, prefix: str = "") -> None:
    """Check that a store can be written to, read and deleted from, under a prefix; see `ObjectStore.check`."""
    key, data = f"{prefix}.probe-{secrets.token_hex(8)}", secrets.token_bytes(32)
    stored = store.put(key, data)
    try:
        store.get(key, expect_sha256=stored.sha256)
    except SomersaultError:
        store.delete(key)
        raise
    store.delete(key)
