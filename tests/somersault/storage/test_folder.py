"""What only the folder store promises: durability, and that it never leaves its root."""

from __future__ import annotations

import errno
import io
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from somersault import errors
from somersault.storage.folder import FolderStore

# Stores two contents in turn until it is killed.
_WRITER = """
import sys
from pathlib import Path
from somersault.storage.folder import FolderStore
store = FolderStore(Path(sys.argv[1]))
while True:
    for letter in (b"a", b"b"):
        store.put("run/clip", letter * 3_000_000)
        print("stored", flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    """Return an empty store in ``root``, beside which a test may put what must stay out of reach."""
    return FolderStore(tmp_path / "root")


def test_a_key_is_the_path_below_the_root(store: FolderStore, tmp_path: Path) -> None:
    """What is stored can be looked at with ordinary tools."""
    store.put("run/clips/s1.mp4", b"video")
    assert (tmp_path / "root/run/clips/s1.mp4").read_bytes() == b"video"


def test_another_store_of_the_same_root_sees_it(store: FolderStore, tmp_path: Path) -> None:
    """Nothing is kept in memory."""
    store.put("run/a", b"x")
    assert FolderStore(tmp_path / "root").get("run/a") == b"x"


def test_bytes_are_synced_before_the_name_and_the_name_before_the_return(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is: file synced, renamed, folder synced."""
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def record_fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        calls.append("fsync folder" if is_folder else "fsync file")
        fsync(descriptor)

    def record_rename(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        calls.append("rename")
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "rename", record_rename)
    store.put("a", b"x")
    assert calls == ["fsync file", "rename", "fsync folder"]
    calls.clear()
    store.put("b/a", b"x")
    assert calls == ["fsync folder", "fsync file", "rename", "fsync folder"]


def test_a_writer_killed_at_any_time_leaves_a_whole_object(tmp_path: Path) -> None:
    """After kill -9 the key has one of the contents, and what was unfinished is not listed."""
    for delay_s in (0.0, 0.003, 0.007, 0.02):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"stored\n"
        time.sleep(delay_s)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        store = FolderStore(tmp_path)
        assert list(store.list("")) == ["run/clip"]
        assert store.get("run/clip") in (b"a" * 3_000_000, b"b" * 3_000_000)


def test_leftover_temporary_files_are_never_listed(store: FolderStore, tmp_path: Path) -> None:
    """What a killed writer left has a name that no key can have."""
    store.put("run/a", b"x")
    (tmp_path / "root/run/.tmp-0123456789abcdef").write_bytes(b"half")
    (tmp_path / "root/.tmp-0123456789abcdef").write_bytes(b"half")
    assert list(store.list("")) == ["run/a"]


def test_a_full_disk_keeps_the_old_object(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is clear, nothing half done stays, and it works again when there is room."""
    store.put("run/a", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _failing(errno.ENOSPC))
        with pytest.raises(errors.ResourceExhaustedError, match="is full"):
            store.put("run/a", b"new")
    assert store.get("run/a") == b"old"
    assert [path.name for path in (tmp_path / "root/run").iterdir()] == ["a"]
    store.put("run/a", b"new")
    assert store.get("run/a") == b"new"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EDQUOT, errors.ResourceExhaustedError),
        (errno.EROFS, errors.PermissionDeniedError),
        (errno.EACCES, errors.PermissionDeniedError),
        (errno.EIO, errors.UnavailableError),
    ],
)
def test_what_the_file_system_says_is_put_into_our_errors(
    store: FolderStore,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    expected: type[errors.SomersaultError],
) -> None:
    """One line with the folder and the reason, without a traceback's vocabulary."""
    monkeypatch.setattr(os, "rename", _failing(number))
    with pytest.raises(expected, match=f"root.*{os.strerror(number)}"):
        store.put("a", b"x")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["mkdir", "open", "write", "fsync", "rename"])
def test_a_put_that_fails_at_any_step_leaves_nothing_half_done_and_works_again(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """Each time that the step is taken in turn: what is there is whole, and no temporary file remains."""
    store.put("run/a", b"old")
    expected = errors.ResourceExhaustedError if number == errno.ENOSPC else errors.UnavailableError
    num_failed = 0
    for nth in range(10):
        with monkeypatch.context() as patch:
            _fail_nth(patch, call, nth, number=number)
            try:
                for key in ("run/a", f"run/new-{nth}/b"):
                    store.put(key, b"new" * 100_000)
            except expected:
                num_failed += 1
            else:
                break
        assert store.get("run/a") in (b"old", b"new" * 100_000)
        assert all(store.get(key) == b"new" * 100_000 for key in store.list("run/new-"))
        assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".tmp-")]
    assert num_failed >= 1
    store.put("run/a", b"newest")
    assert store.get("run/a") == b"newest"


def test_a_list_that_can_not_be_read_whole_is_an_error(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that can't be opened isn't taken for empty: a run would begin again without its checkpoints."""
    store.put("run/checkpoints/a", b"x")
    with monkeypatch.context() as patch:
        _fail_nth(patch, "open", 2, number=errno.EIO)  # the root, the folder, then the one within
        with pytest.raises(errors.UnavailableError):
            list(store.list("run/"))
    assert list(store.list("run/")) == ["run/checkpoints/a"]


def test_a_root_that_goes_away_and_comes_back(store: FolderStore, tmp_path: Path) -> None:
    """An unmounted folder is unavailable, not empty; when it is back, so is everything in it."""
    store.put("run/a", b"x")
    (tmp_path / "root").rename(tmp_path / "elsewhere")
    for call in (
        lambda: store.put("run/a", b"y"),
        lambda: store.get("run/a"),
        lambda: store.exists("run/a"),
        lambda: store.list(""),
        lambda: store.delete("run/a"),
        store.check,
    ):
        with pytest.raises(errors.UnavailableError, match="is gone"):
            call()
    (tmp_path / "elsewhere").rename(tmp_path / "root")
    assert store.get("run/a") == b"x"


def test_a_linked_folder_inside_the_root_is_not_followed(store: FolderStore, tmp_path: Path) -> None:
    """A link to a folder outside gives nothing to read, list or delete, and nowhere to write."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (tmp_path / "root/link").symlink_to(outside)
    with pytest.raises(errors.NotFoundError):
        store.get("link/secret")
    with pytest.raises(errors.AlreadyExistsError, match="file or link"):
        store.put("link/new", b"x")
    store.delete("link/secret")
    assert not store.exists("link/secret")
    assert list(store.list("")) == list(store.list("link/")) == []
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_linked_object_is_neither_read_nor_written_through(store: FolderStore, tmp_path: Path) -> None:
    """Reading a link is denied; putting replaces the link and leaves what it pointed to alone."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (tmp_path / "root/a").symlink_to(secret)
    with pytest.raises(errors.PermissionDeniedError, match="link"):
        store.get("a")
    assert not store.exists("a")
    assert list(store.list("")) == []
    store.put("a", b"ours")
    assert store.get("a") == b"ours"
    assert secret.read_bytes() == b"secret"


def test_a_root_may_itself_be_a_link(tmp_path: Path) -> None:
    """Whoever configures the store chooses where its root is."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    FolderStore(tmp_path / "root").put("a", b"x")
    assert (tmp_path / "disk/a").read_bytes() == b"x"


def test_a_named_pipe_is_no_object(store: FolderStore, tmp_path: Path) -> None:
    """Reading one does not wait for a writer."""
    os.mkfifo(tmp_path / "root/pipe")
    with pytest.raises(errors.NotFoundError):
        store.get("pipe")
    assert not store.exists("pipe")


def test_an_object_can_not_be_a_folder_too(store: FolderStore) -> None:
    """Below an object nothing can be put, nor an object in a folder's place; both stay."""
    store.put("a/b", b"x")
    with pytest.raises(errors.AlreadyExistsError, match="'a' is a folder"):
        store.put("a", b"y")
    with pytest.raises(errors.AlreadyExistsError):
        store.put("a/b/c", b"y")
    with pytest.raises(errors.NotFoundError):
        store.get("a")
    with pytest.raises(errors.NotFoundError):
        store.get("a/b/c")
    store.delete("a")
    assert store.get("a/b") == b"x"


def test_a_flipped_bit_on_the_disk_is_found(store: FolderStore, tmp_path: Path) -> None:
    """A reader who recorded the digest never gets other bytes."""
    stored = store.put("run/a", bytes(1000))
    with (tmp_path / "root/run/a").open("r+b") as file:
        file.seek(500)
        file.write(b"\x01")
    with pytest.raises(errors.CorruptDataError, match="run/a"):
        store.get("run/a", expect_sha256=stored.sha256)


def test_an_object_past_the_bound_is_not_read(store: FolderStore, tmp_path: Path) -> None:
    """Something large that others put into the folder does not fill our memory."""
    store.put("a", b"12345")
    with pytest.raises(errors.ResourceExhaustedError, match="at most 4"):
        FolderStore(tmp_path / "root", max_object_bytes=4).get("a")


def test_a_root_that_can_not_be_made_is_one_clear_line(tmp_path: Path) -> None:
    """A file where the root should be is named."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(errors.SomersaultError, match="file"):
        FolderStore(tmp_path / "file" / "root")


def _failing(number: int) -> Callable[..., NoReturn]:
    def fail(*_args: object, **_kwargs: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    return fail


def _fail_nth(patch: pytest.MonkeyPatch, call: str, nth: int, *, number: int) -> None:
    """Make one call of ``os``, counted from 0, fail; of ``write`` each from there on, once half is written."""
    if call == "write":
        patch.setattr(os, "fdopen", _half_writing(os.fdopen, nth, number=number))
        return
    original, calls = getattr(os, call), iter(range(10**6))

    def fail(*args: Any, **more: Any) -> Any:
        if next(calls) == nth:
            raise OSError(number, os.strerror(number))
        return original(*args, **more)

    patch.setattr(os, call, fail)


def _half_writing(fdopen: Callable[..., Any], nth: int, *, number: int) -> Callable[..., Any]:
    opened = iter(range(10**6))

    def open_it(descriptor: int, mode: str, **more: Any) -> Any:
        if "w" not in mode or next(opened) != nth:
            return fdopen(descriptor, mode, **more)

        class HalfWriting(io.FileIO):
            def write(self, data: Any) -> int:
                os.write(descriptor, bytes(data)[: len(data) // 2])
                raise OSError(number, os.strerror(number))

        return io.BufferedWriter(HalfWriting(descriptor, "w"))

    return open_it
