"""A bundle: rows of a preference log with the segments that they compare, as a folder or a tar archive.

It holds ``labels.jsonl`` and ``segments/SEGMENT_ID.safetensors``, the stored objects. Labels are useless without their
segments, so a bundle is what moves between stores. Sealed parts stay behind.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from somersault.errors import CorruptDataError, NotFoundError, shorten
from somersault.processes.private_files import PRIVATE_FILE
from somersault.storage import MAX_OBJECT_BYTES

__all__ = [
    "LABELS",
    "Bundle",
    "BundleWriter",
    "is_bundle",
    "open_bundle",
    "open_bundle_writer",
    "segment_name",
]

LABELS = "labels.jsonl"
_TAR = ".tar"


def segment_name(segment_id: str) -> str:
    """Return a segment's path inside a bundle."""
    return f"segments/{segment_id}.safetensors"


def is_bundle(path: Path) -> bool:
    """Return whether a path names a bundle rather than a file of rows."""
    return path.suffix.lower() == _TAR or not path.suffix or path.is_dir()


class BundleWriter(Protocol):
    """Adds files to a new bundle."""

    def add(self, name: str, data: bytes) -> None:
        """Add a file.

        Raises:
            OSError: it can't be written.
        """


class Bundle(Protocol):
    """Reads the files of a bundle."""

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None if there is no such file.

        Raises:
            CorruptDataError: it can't be read.
        """


@contextlib.contextmanager
def open_bundle_writer(path: Path) -> Iterator[BundleWriter]:
    """Open a new bundle for writing: an archive if its name ends in .tar, otherwise a folder.

    Raises:
        OSError: it can't be written, or the folder exists and isn't empty.
    """
    if path.suffix.lower() != _TAR:
        yield _FolderWriter(path)
        return
    with tarfile.open(path, "w") as archive:
        yield _TarWriter(archive)


@contextlib.contextmanager
def open_bundle(path: Path) -> Iterator[Bundle]:
    """Open a bundle for reading.

    Raises:
        NotFoundError: there is none.
        CorruptDataError: it can't be read.
    """
    if path.is_dir():
        yield _Folder(path)
        return
    if not path.is_file():
        raise NotFoundError(f"no file {path}; `somersault export RUN --labels FILE` writes one")
    try:
        archive = tarfile.open(path, "r:")  # noqa: SIM115 - closed below, its own errors apart from its users'
    except (tarfile.TarError, OSError) as error:
        raise CorruptDataError(f"{path} can't be read as a tar archive: {error}") from error
    with contextlib.closing(archive):
        yield _Tar(path, archive)


class _FolderWriter:
    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise FileExistsError(17, "it is not empty", str(path))
        (path / "segments").mkdir()
        self._path = path

    def add(self, name: str, data: bytes) -> None:
        (self._path / name).write_bytes(data)


class _TarWriter:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def add(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)  # of nobody and no time, so that the same labels give the same bytes
        member.size = len(data)
        member.mode = PRIVATE_FILE
        self._archive.addfile(member, io.BytesIO(data))


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        path = self._path / name
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file:
                return _bounded(file, f"{path}")
        except OSError as error:
            raise CorruptDataError(f"{path} can't be read: {error.strerror}") from error


class _Tar:
    """Reads regular members by name; nothing is unpacked and no link is followed."""

    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self._path = path
        self._archive = archive
        try:
            self._members = self._plain_members()
        except (tarfile.TarError, OSError) as error:
            raise CorruptDataError(f"{path} can't be read as a tar archive: {error}") from error

    def _plain_members(self) -> dict[str, tarfile.TarInfo]:
        members: dict[str, tarfile.TarInfo] = {}
        for member in self._archive:
            if not member.isreg():
                continue
            if member.name in members:
                raise CorruptDataError(f"{self._path} has two members named {shorten(member.name)}")
            members[member.name] = member
        return members

    def read(self, name: str) -> bytes | None:
        member = self._members.get(name)
        if member is None:
            return None
        try:
            file = self._archive.extractfile(member)
            assert file is not None
            return _bounded(file, f"{name} in {self._path}")
        except (tarfile.TarError, OSError) as error:
            raise CorruptDataError(f"{name} in {self._path} can't be read: {error}") from error


def _bounded(file: IO[bytes], what: str) -> bytes:
    data = file.read(MAX_OBJECT_BYTES + 1)
    if len(data) > MAX_OBJECT_BYTES:
        raise CorruptDataError(f"{what} has more than {MAX_OBJECT_BYTES} bytes")
    return data
