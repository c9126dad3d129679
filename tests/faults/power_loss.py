"""Loss of power at any moment, replayed: what a program did to its files is recorded, and what a disk may have kept is made of it.

A program runs under strace. Its calls are replayed in memory on a model of a disk that promises no more than POSIX does: what was
written is kept once its file was synced, a name once its folder was; of anything later any part may be kept or lost, single
sectors too (the idea of ALICE, Pillai et al., OSDI 2014). `crashes` yields the states that a machine could wake up with.
"""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["Crash", "crashes", "record"]

SECTOR_BYTES = 512
ACK = b"ACK "
_CALLS = (
    "openat,open,close,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,"
    "unlink,unlinkat,mkdir,mkdirat,ftruncate,lseek,dup,dup2,dup3,fcntl"
)
_LINE = re.compile(r"^(\d+) +(.*)$")
_RESUMED = re.compile(r"^<\.\.\. \w+ resumed>(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?.*$")
_ARGUMENT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"|([^,"]+)')


@dataclass(frozen=True, slots=True)
class Crash:
    """What a machine woke up with."""

    files: dict[str, bytes]
    """By path below the folder that was watched."""
    acknowledged: tuple[str, ...]
    """What the program had called done by then."""


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    arguments: Sequence[bytes | str]
    result: int


def record(command: Sequence[str], *, log: Path) -> None:
    """Run a program to its end and record its calls. It acknowledges by writing a line ``ACK NAME`` to standard error.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    traced = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-xx",
        "-s",
        "4000000",
        "-e",
        f"trace={_CALLS}",
        "-o",
        str(log),
    ]
    subprocess.run([*traced, *command], check=True, capture_output=True)


@dataclass(slots=True)
class _File:
    kept: bytes = b""
    """What the disk has for sure."""
    now: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Writes since it was synced: where and what; None cuts or extends it there."""

    def write(self, offset: int, data: bytes) -> None:
        self.now = _written(self.now, offset, data)
        self.pending.append((offset, data))

    def cut(self, size: int) -> None:
        self.now = self.now[:size].ljust(size, b"\0")
        self.pending.append((size, None))

    def sync(self) -> None:
        self.kept, self.pending = self.now, []

    def after_crash(self, generator: random.Random, share: float) -> bytes:
        data = self.kept
        for offset, written in self.pending:
            if written is None:
                data = data[:offset].ljust(offset, b"\0") if generator.random() < share else data
                continue
            for begin in range(0, len(written), SECTOR_BYTES):
                if generator.random() < share:
                    data = _written(data, offset + begin, written[begin : begin + SECTOR_BYTES])
        return data


@dataclass(slots=True)
class _Disk:
    """Names and files below one folder. A folder's names change in order, as on a file system with a journal."""

    root: str
    names: dict[str, _File] = field(default_factory=dict)
    kept: dict[str, _File] = field(default_factory=dict)
    pending: list[tuple[str, str, _File | None]] = field(default_factory=list)
    """Changes of names since their folder was synced: folder, name, and the file or None."""
    open_files: dict[int, list[object]] = field(default_factory=dict)
    """By descriptor: path, file or None for a folder, and position."""
    acknowledged: list[str] = field(default_factory=list)

    def set_name(self, path: str, file: _File | None) -> None:
        if file is None:
            self.names.pop(path, None)
        else:
            self.names[path] = file
        self.pending.append((str(PurePosixPath(path).parent), path, file))

    def sync_folder(self, path: str) -> None:
        later = []
        for folder, name, file in self.pending:
            if folder != path:
                later.append((folder, name, file))
            elif file is None:
                self.kept.pop(name, None)
            else:
                self.kept[name] = file
        self.pending = later

    def crash(self, generator: random.Random, *, share: float) -> Crash:
        names = dict(self.kept)
        upto = {folder: generator.random() for folder, _, _ in self.pending}
        counts = {folder: sum(one == folder for one, _, _ in self.pending) for folder in upto}
        done = dict.fromkeys(upto, 0)
        for folder, name, file in self.pending:
            done[folder] += 1
            if share < 1 and done[folder] > counts[folder] * upto[folder] * (share > 0):
                continue
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file
        prefix = len(self.root) + 1
        files = {path[prefix:]: file.after_crash(generator, share) for path, file in names.items()}
        return Crash(files, tuple(self.acknowledged))


def crashes(log: Path, *, root: Path, seed: int, every: int = 1) -> Iterator[Crash]:
    """Yield states after every ``every``-th call that changed something: all that was pending lost, kept, and some of it."""
    disk, generator, number = _Disk(str(root)), random.Random(seed), 0
    for call in _calls(log):
        if not _apply(disk, call):
            continue
        number += 1
        if number % every == 0:
            for share in (0.0, 1.0, 0.5):
                yield disk.crash(generator, share=share)


def _written(data: bytes, offset: int, more: bytes) -> bytes:
    return data[:offset].ljust(offset, b"\0") + more + data[offset + len(more) :]


def _calls(log: Path) -> Iterator[_Call]:
    """Yield the calls in the order in which they returned."""
    begun: dict[str, str] = {}
    for line in log.read_text(encoding="ascii").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        thread, text = found.groups()
        if text.endswith("<unfinished ...>"):
            begun[thread] = text.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := _RESUMED.match(text):
            text = begun.pop(thread) + resumed[1]
        if call := _CALL.match(text):
            arguments = [_argument(match) for match in _ARGUMENT.finditer(call[2])]
            yield _Call(call[1], [one for one in arguments if one != ""], int(call[3]))


def _argument(found: re.Match[str]) -> bytes | str:
    return found[2].strip() if found[2] is not None else bytes.fromhex(found[1].replace("\\x", ""))


def _apply(disk: _Disk, call: _Call) -> bool:
    """Do a call to the disk and return whether it mattered."""
    if call.result < 0:
        return False
    if call.name == "write" and call.arguments[0] == "2":
        lines = bytes(call.arguments[1]).splitlines() if isinstance(call.arguments[1], bytes) else []
        disk.acknowledged += [line[len(ACK) :].decode() for line in lines if line.startswith(ACK)]
        return False
    handler = _HANDLERS.get(call.name)
    return bool(handler and handler(disk, call))


def _path(disk: _Disk, folder: bytes | str, name: bytes | str) -> str:
    assert isinstance(name, bytes)
    text = name.decode()
    if text.startswith("/"):
        return str(PurePosixPath(text))
    opened = disk.open_files.get(int(folder)) if str(folder).isdigit() else None
    return str(PurePosixPath(str(opened[0]), text)) if opened else text


def _is_inside(disk: _Disk, path: str) -> bool:
    return path == disk.root or path.startswith(f"{disk.root}/")


def _openat(disk: _Disk, call: _Call) -> bool:
    folder, name, flags = ("AT_FDCWD", *call.arguments[:2]) if call.name == "open" else call.arguments[:3]
    path, number = _path(disk, folder, name), call.result
    disk.open_files.pop(number, None)
    if not _is_inside(disk, path):
        return False
    file = disk.names.get(path)
    is_new = file is None and "O_CREAT" in str(flags)
    if is_new:
        file = _File()
        disk.set_name(path, file)
    if file is not None and "O_TRUNC" in str(flags) and file.now:
        file.cut(0)
    disk.open_files[number] = [path, file, -1 if "O_APPEND" in str(flags) else 0]
    return is_new


def _close(disk: _Disk, call: _Call) -> bool:
    disk.open_files.pop(int(call.arguments[0]), None)
    return False


def _dup(disk: _Disk, call: _Call) -> bool:
    if call.name == "fcntl" and "F_DUPFD" not in str(call.arguments[1]):
        return False
    if opened := disk.open_files.get(int(call.arguments[0])):
        disk.open_files[call.result] = opened
    return False


def _write(disk: _Disk, call: _Call) -> bool:
    opened = disk.open_files.get(int(call.arguments[0]))
    if opened is None or not isinstance(opened[1], _File):
        return False
    _, file, position = opened
    data = call.arguments[1]
    assert isinstance(data, bytes)
    data = data[: call.result]
    if call.name == "pwrite64":
        offset = int(call.arguments[3])
    else:
        offset = len(file.now) if position == -1 else int(str(position))
        opened[2] = -1 if position == -1 else offset + len(data)
    file.write(offset, data)
    return True


def _lseek(disk: _Disk, call: _Call) -> bool:
    if opened := disk.open_files.get(int(call.arguments[0])):
        opened[2] = -1 if opened[2] == -1 else call.result
    return False


def _ftruncate(disk: _Disk, call: _Call) -> bool:
    opened = disk.open_files.get(int(call.arguments[0]))
    if opened is None or not isinstance(opened[1], _File):
        return False
    opened[1].cut(int(call.arguments[1]))
    return True


def _fsync(disk: _Disk, call: _Call) -> bool:
    opened = disk.open_files.get(int(call.arguments[0]))
    if opened is None:
        return False
    if isinstance(opened[1], _File):
        opened[1].sync()
    else:
        disk.sync_folder(str(opened[0]))
    return True


def _rename(disk: _Disk, call: _Call) -> bool:
    here, old, there, new = (
        ("AT_FDCWD", call.arguments[0], "AT_FDCWD", call.arguments[1])
        if call.name == "rename"
        else call.arguments[:4]
    )
    source, target = _path(disk, here, old), _path(disk, there, new)
    if source not in disk.names:
        return False
    file = disk.names[source]
    # One entry of the journal: both names change or neither does.
    disk.set_name(target, file)
    disk.names.pop(source)
    disk.pending[-1] = (str(PurePosixPath(target).parent), target, file)
    disk.pending.append((str(PurePosixPath(source).parent), source, None))
    return True


def _unlink(disk: _Disk, call: _Call) -> bool:
    folder, name = ("AT_FDCWD", call.arguments[0]) if call.name == "unlink" else call.arguments[:2]
    path = _path(disk, folder, name)
    if path not in disk.names:
        return False
    disk.set_name(path, None)
    return True


_HANDLERS = {
    "close": _close,
    "dup": _dup,
    "dup2": _dup,
    "dup3": _dup,
    "fcntl": _dup,
    "fdatasync": _fsync,
    "fsync": _fsync,
    "ftruncate": _ftruncate,
    "lseek": _lseek,
    "open": _openat,
    "openat": _openat,
    "pwrite64": _write,
    "rename": _rename,
    "renameat": _rename,
    "renameat2": _rename,
    "unlink": _unlink,
    "unlinkat": _unlink,
    "write": _write,
}
