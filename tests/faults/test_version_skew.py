"""The version before the newest migration of the database, and this one: each is the other's client, and data goes over.

The earlier version is taken out of git's history into a temporary folder, with the messages that it was generated with. Until there is
a release, that is the commit before the newest migration.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import subprocess
import sys
import tarfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from somersault import rpc
from somersault.domain.roles import Role
from somersault.runtime.urls import file_url, sqlite_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from tests.faults.labelers import Journal, answer_until, problems_of
from tests.services.labeler.running import RUN_ID, RunningLabeler, write_tokens
from tests.somersault.storage.conftest import find_free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = "services/labeler/database/migrations/versions"
_LEARNED_WITHIN_S = 240.0


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tree of the earlier version."""
    newest = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", MIGRATIONS).decode().strip()
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(_git("archive", f"{newest}~"))) as archive:
        archive.extractall(folder, filter="data")
    assert len(_migrations(folder)) < len(_migrations(ROOT))
    return folder


def _migrations(tree: Path) -> list[str]:
    return sorted(path.name for path in (tree / MIGRATIONS).glob("v*.py"))


@contextlib.contextmanager
def _service(tree: Path, module: str, *arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a service of one version."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=tree,
            env=_environment(tree),
            stdout=out,
            stderr=out,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(tree: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(tree)}


@contextlib.asynccontextmanager
async def _labeler(tree: Path, folder: Path) -> AsyncIterator[RunningLabeler]:
    port = find_free_port()
    arguments = [
        f"--port={port}",
        f"--database-url={sqlite_url(folder / 'labels.sqlite')}",
        f"--storage-url={file_url(folder / 'objects')}",
        f"--token-path={write_tokens(folder)}",
    ]
    with _service(tree, "services.labeler", *arguments, log=folder / "log"):
        labeler = RunningLabeler(port, open_store(file_url(folder / "objects")))
        try:
            await rpc.call(
                labeler.as_role(Role.OWNER).WhoAmI, pb.WhoAmIRequest(), timeout_s=5, retry_for_s=60
            )
            yield labeler
        finally:
            await labeler.close()


async def _answer(labeler: RunningLabeler, journal: Journal, *names: str) -> None:
    await labeler.propose(*names)
    stub, before = await labeler.new_labeler(), len(journal.acknowledged)

    def is_over() -> bool:
        return len(journal.acknowledged) >= before + len(names)

    await answer_until(is_over, stub, journal, run_id=RUN_ID, generator=random.Random(1))


async def test_a_database_goes_over_with_its_answers(earlier: Path, tmp_path: Path) -> None:
    """Labelers of this version answer at the earlier one; this one then has every answer as it was told, and goes on."""
    journal = Journal()
    async with _labeler(earlier, tmp_path) as labeler:
        await labeler.create_run()
        await _answer(labeler, journal, *(f"a{number}" for number in range(10)))
    async with _labeler(ROOT, tmp_path) as labeler:
        log = await labeler.log()
        assert {row.answer_id: (row.query_id, row.preference, row.cursor) for row in log} == {
            name: (record.query_id, record.preference, record.cursor)
            for name, record in journal.acknowledged.items()
        }
        journal.acknowledged = {row.answer_id: row for row in log}  # with what the migration has added
        await _answer(labeler, journal, *(f"b{number}" for number in range(10)))
        assert problems_of(journal, await labeler.log()) == []
    with _service(earlier, "services.labeler", *_again(tmp_path), log=tmp_path / "refused") as process:
        assert process.wait(timeout=60) == 2, "an earlier version must not touch a database of a later one"
    assert "newer" in (tmp_path / "refused").read_text()


def _again(folder: Path) -> list[str]:
    urls = [
        f"--database-url={sqlite_url(folder / 'labels.sqlite')}",
        f"--storage-url={file_url(folder / 'objects')}",
    ]
    return [*urls, f"--token-path={folder / 'tokens.json'}"]


_CLIENT = """
import asyncio, sys
from somersault.storage import open_store
from tests.services.labeler.running import RunningLabeler, lease, submit

async def main():
    labeler = RunningLabeler(int(sys.argv[1]), open_store("memory://"))
    await labeler.create_run()
    await labeler.propose("a", "b", "c")
    stub = await labeler.new_labeler()
    for number in range(3):
        (one,) = await lease(stub)
        first = await submit(stub, one.lease_token, f"x{number}")
        assert first == await submit(stub, one.lease_token, f"x{number}")
    assert [row.answer_id for row in await labeler.log()] == ["x0", "x1", "x2"]
    await labeler.close()

asyncio.run(main())
"""


async def test_an_earlier_client_is_served_by_this_labeler(earlier: Path, tmp_path: Path) -> None:
    """Owner, reward service and labeler of the earlier version: a run begun, pairs proposed, leased, answered, the log read."""
    async with _labeler(ROOT, tmp_path) as labeler:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", _CLIENT, labeler.address.rpartition(":")[2]],
            cwd=earlier,
            env=_environment(earlier),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("newer", ["simulator", "learner"])
def test_simulators_and_learners_of_both_versions_work_together(
    earlier: Path, tmp_path: Path, newer: str
) -> None:
    """Rollouts of one version are learned from by the other, to the last step."""
    port = find_free_port()
    common = ["--task=pendulum", f"--storage-url={file_url(tmp_path / 'objects')}", "--is-reference"]
    learner = [*common, f"--port={port}", "--run-id=run-1", "--total-env-steps=8192", "--rollout-steps=512"]
    simulator = [
        *common,
        f"--learner-address=127.0.0.1:{port}",
        "--simulator-id=simulator-0",
        "--num-threads=1",
    ]
    trees = {"simulator": earlier, "learner": earlier, newer: ROOT}
    log = tmp_path / "learner.log"
    with (
        _service(trees["learner"], "services.learner", *learner, log=log) as learning,
        _service(trees["simulator"], "services.simulator", *simulator, log=tmp_path / "simulator.log"),
    ):
        give_up_s = time.monotonic() + _LEARNED_WITHIN_S
        while '"event": "finished"' not in log.read_text():
            told = log.read_text()[-2000:] + (tmp_path / "simulator.log").read_text()[-2000:]
            assert learning.poll() is None, told
            assert time.monotonic() < give_up_s, told
            time.sleep(0.1)
