"""An object store in a folder of this machine: an object's key is its path below the root.

A key is walked one folder at a time from the root's descriptor and no link is followed, so nothing
outside the root is ever read or written, whatever other processes do to the tree meanwhile.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from somersault.errors import (
    AlreadyExistsError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    SomersaultError,
    UnavailableError,
)
from somersault.processes.private_files import PRIVATE_FILE, PRIVATE_FOLDER
from somersault.runtime.failpoints import failpoint
from somersault.storage import key_checks, object_store
from somersault.storage.object_store import MAX_OBJECT_BYTES, StoredObject

PROBES = ".probes"
"""The folder of the root in which it is tried: a service may not be allowed to make files beside it."""

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait for its writer.
_OBJECT_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FolderStore:
    """Stores each object as a file; several processes may share one root."""

    def __init__(self, root: Path, *, max_object_bytes: int = MAX_OBJECT_BYTES, is_made: bool = True) -> None:
        """Take the root folder; ``is_made`` makes it where it is missing."""
        self._root = root.absolute()
        self._max_object_bytes = max_object_bytes
        if is_made:
            with self._translated():
                self._root.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)

    def put(self, key: str, data: bytes) -> StoredObject:
        """Store an object, on disk before it returns; see `ObjectStore.put`."""
        key_checks.check_key(key)
        object_store.check_size(key, size_bytes=len(data), max_bytes=self._max_object_bytes)
        *folders, name = key.split("/")
        with self._translated(), self._open_folder(folders, create=True) as folder:
            try:
                _write_durably(folder, name, data)
            except IsADirectoryError as err:
                raise AlreadyExistsError(f"{key!r} is a folder in {self._root}, not an object").of(
                    str(self._root)
                ) from err
        return object_store.describe(key, data)

    def get(self, key: str, *, expect_sha256: str | None = None) -> bytes:
        """Return an object's bytes; see `ObjectStore.get`."""
        key_checks.check_key(key)
        object_store.check_digest(expect_sha256)
        *folders, name = key.split("/")
        with self._translated():
            try:
                with self._open_folder(folders) as folder:
                    data = self._read(folder, name, key=key)
            except (FileNotFoundError, NotADirectoryError) as err:
                raise NotFoundError(f"no object {key!r} in {self._root}").of(str(self._root)) from err
        object_store.verify(key, data, expect_sha256)
        return data

    def exists(self, key: str) -> bool:
        """Return whether an object has that key."""
        key_checks.check_key(key)
        *folders, name = key.split("/")
        with self._translated():
            try:
                with self._open_folder(folders) as folder:
                    return _is_object(folder, name)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def list(self, prefix: str) -> Iterator[str]:
        """Return the keys that start with a prefix, sorted; unfinished objects are not listed."""
        key_checks.check_prefix(prefix)
        *folders, _ = prefix.split("/")
        with self._translated():
            try:
                with self._open_folder(folders) as folder:
                    found = list(_walk(folder, start="".join(f"{part}/" for part in folders)))
            except (FileNotFoundError, NotADirectoryError):
                found = []
        return iter(sorted(key for key in found if key.startswith(prefix)))

    def delete(self, key: str) -> None:
        """Remove an object, if there is one."""
        key_checks.check_key(key)
        *folders, name = key.split("/")
        with (
            self._translated(),
            suppress(FileNotFoundError, NotADirectoryError),
            self._open_folder(folders) as folder,
        ):
            if _is_object(folder, name):
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)

    def check(self) -> None:
        """Check that the folder can be used; see `ObjectStore.check`."""
        object_store.probe(self, prefix=f"{PROBES}/")

    def _read(self, folder: int, name: str, *, key: str) -> bytes:
        descriptor = os.open(name, _OBJECT_FLAGS, dir_fd=folder)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(errno.ENOENT, "not a plain file", name)
            object_store.check_size(key, size_bytes=status.st_size, max_bytes=self._max_object_bytes)
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    @contextmanager
    def _open_folder(self, parts: Sequence[str], *, create: bool = False) -> Iterator[int]:
        """Return a descriptor of the folder ``parts`` lead to, closed at the end."""
        try:
            descriptor = os.open(self._root, _FOLDER_FLAGS & ~os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError) as err:
            raise UnavailableError(
                f"object store folder {self._root} is gone; mount it or create it again"
            ).of(str(self._root)) from err
        try:
            for part in parts:
                child = _open_child(descriptor, part, create=create)
                os.close(descriptor)
                descriptor = child
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the file system's errors into the domain's."""
        try:
            yield
        except OSError as err:
            raise self._translate(err).of(str(self._root)) from err

    def _translate(self, err: OSError) -> SomersaultError:
        reason = err.strerror or str(err)
        if err.errno in _FULL:
            return ResourceExhaustedError(
                f"object store folder {self._root} is full ({reason}); free space on its disk"
            )
        if err.errno in _DENIED:
            return PermissionDeniedError(
                f"object store folder {self._root} can't be accessed ({reason}); "
                "check its owner, and that it contains no links"
            )
        if isinstance(err, (NotADirectoryError, FileExistsError)):
            return AlreadyExistsError(
                f"object store folder {self._root} holds a file or link where a folder is needed"
            )
        return UnavailableError(f"object store folder {self._root} can't be used now ({reason})")


def _open_child(parent: int, name: str, *, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, PRIVATE_FOLDER, dir_fd=parent)
        # Even if another process has just made it: what we put inside must not vanish with it.
        os.fsync(parent)
    return os.open(name, _FOLDER_FLAGS, dir_fd=parent)


def _write_durably(folder: int, name: str, data: bytes) -> None:
    temporary = f"{key_checks.TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    descriptor = os.open(temporary, _CREATE_FLAGS, PRIVATE_FILE, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        failpoint("store.file.written")
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    failpoint("store.file.renamed")
    os.fsync(folder)


def _walk(folder: int, *, start: str) -> Iterator[str]:
    walked = os.fwalk(".", dir_fd=folder, follow_symlinks=False, onerror=_refuse_half_a_list)
    for path, folders, names, descriptor in walked:
        if path == "." and "lost+found" in folders:  # the file system's own, at the root of a disk
            folders.remove("lost+found")
        below = f"{path[2:]}/" if path != "." else ""
        for name in names:
            if not name.startswith(key_checks.TEMPORARY_PREFIX) and _is_object(descriptor, name):
                yield f"{start}{below}{name}"


def _refuse_half_a_list(err: OSError) -> None:
    """Raise the error of a folder that can't be read; one that has gone meanwhile holds nothing."""
    if err.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        raise err


def _is_object(folder: int, name: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
