"""After a loss of power at any moment everything that was acknowledged is there, and nothing half written is taken for whole."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.faults.needs import needs_strace
from tests.faults.power_loss import Crash, crashes, record

pytestmark = pytest.mark.skipif(bool(needs_strace()), reason=needs_strace())

_PUT = """
import os, sys
from pathlib import Path
from somersault.storage.durable_files import replace_file
from somersault.storage.folder import FolderStore

root = Path(sys.argv[1])
store = FolderStore(root / "objects")
for number in range(6):
    key = f"run/segments/{number % 4}.bin"
    store.put(key, bytes([number + 1]) * 1500)
    os.write(2, f"ACK {key} {number + 1}\\n".encode())
    replace_file(root / "config.json", str(number + 1) * 1500)
    os.write(2, f"ACK config.json {number + 1}\\n".encode())
"""

_ANSWER = """
import asyncio, os, sys
from pathlib import Path
from tests.services.labeler.running import lease, running_labeler, submit

async def main():
    async with running_labeler(Path(sys.argv[1])) as labeler:
        await labeler.create_run()
        await labeler.propose(*(f"p{number}" for number in range(5)))
        os.write(2, b"ACK proposals\\n")
        stub = await labeler.new_labeler()
        for number in range(5):
            (one,) = await lease(stub)
            await submit(stub, one.lease_token, f"a{number}")
            os.write(2, f"ACK a{number}\\n".encode())

asyncio.run(main())
"""


def _restore(crash: Crash, folder: Path) -> Path:
    for name, data in crash.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_objects_and_files_of_a_run_folder_are_whole_or_not_there(tmp_path: Path) -> None:
    """What `put` or `replace_file` has returned from is there, and each name holds all of one version, never less."""
    (tmp_path / "root").mkdir()
    record([sys.executable, "-c", _PUT, str(tmp_path / "root")], log=tmp_path / "log")
    num = 0
    for crash in crashes(tmp_path / "log", root=tmp_path / "root", seed=1):
        num += 1
        newest = dict(text.split(" ") for text in crash.acknowledged)
        for name, version in newest.items():
            path = name if name == "config.json" else f"objects/{name}"
            assert path in crash.files, f"{name} was acknowledged and is gone"
            found = crash.files[path][:1]
            assert (found[0] if path != name else int(found)) >= int(version), f"{name} is an old one again"
        for path, data in crash.files.items():
            if not path.rpartition("/")[2].startswith("."):
                assert len(data) == 1500, f"{path} is half written"
                assert len(set(data)) == 1, f"{path} is a mixture"
    assert num > 100


@pytest.mark.slow
def test_an_acknowledged_answer_outlives_the_power(tmp_path: Path) -> None:
    """SQLite with a write-ahead log and synchronous=FULL, on a disk that keeps nothing that wasn't synced."""
    (tmp_path / "root").mkdir()
    record([sys.executable, "-c", _ANSWER, str(tmp_path / "root")], log=tmp_path / "log")
    num = 0
    for number, crash in enumerate(crashes(tmp_path / "log", root=tmp_path / "root", seed=2, every=5)):
        answers = {name for name in crash.acknowledged if name != "proposals"}
        if not crash.acknowledged:
            continue  # nothing was promised yet
        num += 1
        folder = _restore(crash, tmp_path / f"crash-{number}")
        (folder / "labels.sqlite-shm").unlink(missing_ok=True)  # memory shared by processes: gone with them
        with contextlib.closing(sqlite3.connect(folder / "labels.sqlite")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            rows = database.execute("SELECT answer_id FROM answers").fetchall()
        assert answers <= {row[0] for row in rows}
        assert len(rows) <= len(answers) + 1
    assert num > 10


def test_the_model_loses_what_was_not_synced(tmp_path: Path) -> None:
    """It finds a missing sync of a file, and one of a folder; else the tests above could not fail."""
    for program, is_safe in (
        ("os.fsync(f.fileno()); f.close(); os.rename('new', 'x'); os.fsync(folder)", True),
        ("f.close(); os.rename('new', 'x'); os.fsync(folder)", False),
        ("os.fsync(f.fileno()); f.close(); os.rename('new', 'x')", False),
    ):
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        root.mkdir()
        begin = f"import os; os.chdir({str(root)!r}); folder = os.open({str(root)!r}, os.O_RDONLY)"
        text = f"{begin}; f = open('new', 'wb'); f.write(b'x' * 2000); f.flush(); {program}; os.write(2, b'ACK x\\n')"
        text += f"; os.close(os.open({str(root)!r} + '/last', os.O_CREAT | os.O_WRONLY))"
        absolute = text.replace("'new'", repr(f"{root}/new")).replace("'x')", repr(f"{root}/x") + ")")
        record([sys.executable, "-c", absolute], log=tmp_path / "log")
        found = [
            crash.files.get("x") == b"x" * 2000
            for crash in crashes(tmp_path / "log", root=root, seed=3)
            if crash.acknowledged
        ]
        assert found, program
        assert all(found) is is_safe, program
