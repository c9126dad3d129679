"""An object store behind any S3 API, through the ``minio`` SDK."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

import minio
import structlog

from somersault.errors import CorruptDataError, NotFoundError, SomersaultError, UnavailableError
from somersault.runtime.failpoints import failpoint
from somersault.storage import key_checks, object_store, s3_errors
from somersault.storage.object_store import MAX_OBJECT_BYTES, StoredObject
from somersault.storage.s3_connections import Try, connections
from somersault.storage.s3_errors import Place

READ_TIMEOUT_S = 15.0  # between two packets; a store that syncs a large object may pause that long
TRY_TIMEOUT_S = 120.0  # for one try of an operation, however slowly bytes come and go
NUM_ATTEMPTS = 3
RETRY_WINDOW_S = 10.0  # no new attempt after this, so a stalled store costs one read timeout, not three
BACKOFF_S = 0.2

_DIGEST_METADATA = "sha256"
_CHUNK_BYTES = 1024**2

_log = structlog.get_logger(__name__)
_Result = TypeVar("_Result")


class S3Store:
    """Stores objects in a bucket, each with its SHA-256 as user metadata, which is verified at each read.

    Some servers forget user metadata (``rclone serve s3`` does when restarted): what they return is
    verified only against the digest that the caller recorded.
    """

    def __init__(
        self,
        place: Place,
        *,
        access_key: str,
        secret_key: str,
        prefix: str = "",
        region: str = "us-east-1",
        create_bucket: bool = False,
        read_timeout_s: float = READ_TIMEOUT_S,
        try_timeout_s: float = TRY_TIMEOUT_S,
        max_object_bytes: int = MAX_OBJECT_BYTES,
    ) -> None:
        """Prepare a client; nothing is sent before the first call, so the store may start later.

        Args:
            place: the endpoint and the bucket.
            access_key: the identity's key id.
            secret_key: its secret.
            prefix: comes before every key in the bucket, followed by a slash; ``""`` for none.
            region: the region to sign for; only cloud providers care.
            create_bucket: whether the first `put` or `check` makes a missing bucket.
            read_timeout_s: how long the server may be silent, in seconds.
            try_timeout_s: how long one try of an operation may take, in seconds.
            max_object_bytes: the bound on an object's size.

        Raises:
            ValueError: the bucket's name, the region or the host is not one that S3 allows.
        """
        minio.helpers.check_bucket_name(place.bucket, strict=True)
        self._place = place
        self._prefix = f"{prefix}/" if prefix else ""
        self._max_object_bytes = max_object_bytes
        self._needs_bucket = create_bucket
        self._try_timeout_s = try_timeout_s
        self._connections = connections(read_timeout_s=read_timeout_s)
        self._client = minio.Minio(
            place.host,
            access_key=access_key,
            secret_key=secret_key,
            secure=place.is_secure,
            region=region,
            http_client=self._connections,
        )

    def put(self, key: str, data: bytes) -> StoredObject:
        """Store an object in one request, so that half of it is never seen; see `ObjectStore.put`."""
        key_checks.check_key(key)
        object_store.check_size(key, size_bytes=len(data), max_bytes=self._max_object_bytes)
        stored = object_store.describe(key, data)
        self._ensure_bucket()
        failpoint("store.object.upload")
        self._attempt(lambda: self._upload(stored, data), key=key)
        failpoint("store.object.uploaded")
        return stored

    def get(self, key: str, *, expect_sha256: str | None = None) -> bytes:
        """Return an object's bytes; see `ObjectStore.get`."""
        key_checks.check_key(key)
        object_store.check_digest(expect_sha256)
        try:
            return self._get_verified(key, expect_sha256)
        except CorruptDataError:
            return self._get_verified(
                key, expect_sha256
            )  # it may be whole in the store and have changed on the way

    def exists(self, key: str) -> bool:
        """Return whether an object has that key."""
        key_checks.check_key(key)
        try:
            self._attempt(lambda: self._client.stat_object(self._place.bucket, self._prefix + key), key=key)
        except NotFoundError:
            return False
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """Return the keys that start with a prefix, sorted."""
        key_checks.check_prefix(prefix)
        return iter(self._attempt(lambda: self._list_sorted(prefix), key=prefix))

    def delete(self, key: str) -> None:
        """Remove an object, if there is one."""
        key_checks.check_key(key)
        self._attempt(lambda: self._client.remove_object(self._place.bucket, self._prefix + key), key=key)

    def check(self) -> None:
        """Check that the bucket can be used; see `ObjectStore.check`."""
        object_store.probe(self)

    def _get_verified(self, key: str, expect_sha256: str | None) -> bytes:
        data, recorded = self._attempt(lambda: self._download(key), key=key)
        object_store.verify(key, data, recorded, expect_sha256)
        return data

    def _upload(self, stored: StoredObject, data: bytes) -> None:
        self._client.put_object(
            self._place.bucket,
            self._prefix + stored.key,
            io.BytesIO(data),
            stored.size_bytes,
            metadata={_DIGEST_METADATA: stored.sha256},
            part_size=max(stored.size_bytes, minio.helpers.MIN_PART_SIZE),
        )

    def _download(self, key: str) -> tuple[bytes, str | None]:
        data = bytearray()
        with closing(self._client.get_object(self._place.bucket, self._prefix + key)) as response:
            while chunk := response.read1(_CHUNK_BYTES):
                data += chunk
                object_store.check_size(key, size_bytes=len(data), max_bytes=self._max_object_bytes)
            response.release_conn()
            return bytes(data), response.headers.get(f"x-amz-meta-{_DIGEST_METADATA}")

    def _list_sorted(self, prefix: str) -> Sequence[str]:
        found = self._client.list_objects(self._place.bucket, prefix=self._prefix + prefix, recursive=True)
        return sorted(entry.object_name.removeprefix(self._prefix) for entry in found)

    def _ensure_bucket(self) -> None:
        if self._needs_bucket:  # without a lock: two may make it, and nobody waits for another's stalled try
            self._attempt(self._make_bucket, key=None)
            self._needs_bucket = False

    def _make_bucket(self) -> None:
        if self._client.bucket_exists(self._place.bucket):
            return
        try:
            self._client.make_bucket(self._place.bucket)
        except minio.S3Error as err:
            if err.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise

    def _attempt(self, operation: Callable[[], _Result], *, key: str | None) -> _Result:
        """Run an operation (each may be repeated) within the bounds on attempts and time."""
        started = time.monotonic()
        attempt = 1
        while True:
            try:
                return self._try(operation)
            except SomersaultError:
                raise
            except s3_errors.CAUGHT as err:
                failure = s3_errors.translate(err, place=self._place, key=key).of(*self._place.names)
                cause = err
            is_over = attempt == NUM_ATTEMPTS or time.monotonic() - started > RETRY_WINDOW_S
            if isinstance(failure, UnavailableError):
                self._connections.clear()  # those kept may be dead too, and would cost a timeout each
            if is_over or not isinstance(failure, UnavailableError):
                raise failure from cause
            _log.debug("object_store_retried", attempt=attempt, error=str(failure))
            time.sleep(BACKOFF_S * 2 ** (attempt - 1))
            attempt += 1

    def _try(self, operation: Callable[[], _Result]) -> _Result:
        """Run an operation within the time of one try.

        Raises:
            UnavailableError: its time is up.
        """
        with Try(timeout_s=self._try_timeout_s) as current:
            try:
                result = operation()
            except s3_errors.CAUGHT as err:
                if not current.is_cut or isinstance(err, SomersaultError):
                    raise
                raise self._too_slow() from err
        if current.is_cut:
            raise self._too_slow()
        return result

    def _too_slow(self) -> SomersaultError:
        said = f"{self._place} took over {self._try_timeout_s:g} s to answer"
        return UnavailableError(said).of(*self._place.names)
