"""A labeler that is killed at any instant loses no acknowledged answer and doubles none."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from somersault import rpc
from somersault.domain.roles import Role
from somersault.errors import UnavailableError
from somersault.runtime.app import HOPELESS
from somersault.runtime.urls import file_url, sqlite_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.running import RUN_ID, TOKENS, RunningLabeler, running_labeler, write_tokens

NUM_TEACHERS = 6

# Kills itself at the commit of an answer, just before or just after the database has it on disk.
KILLED_AT_COMMIT = """
import os, signal, sys
from services.labeler.feedback.answers import Answers
from services.labeler.application import build
from services.labeler.config import LabelerConfig
from somersault.runtime import app
from sqlalchemy.engine.default import DefaultDialect

moment = sys.argv.pop(1)
submit, do_commit = Answers.submit, DefaultDialect.do_commit
is_answered = []

async def submit_marked(*args, **kwargs):
    is_answered.append(True)
    return await submit(*args, **kwargs)

def commit_and_die(self, connection):
    if is_answered and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    do_commit(self, connection)
    if is_answered:
        os.kill(os.getpid(), signal.SIGKILL)

Answers.submit, DefaultDialect.do_commit = submit_marked, commit_and_die
sys.exit(app.main("labeler", LabelerConfig, build))
"""


class Process:
    """A labeler in a process of its own, on one port for all its lives."""

    def __init__(self, folder: Path, *, database_url: str | None = None) -> None:
        """Take where it keeps everything, its answers too unless a database is named."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._settings = [
            f"--port={self.port}",
            f"--database-url={database_url or sqlite_url(folder / 'labels.sqlite')}",
            f"--storage-url={file_url(folder / 'objects')}",
            f"--token-path={write_tokens(folder)}",
        ]
        self.labeler = RunningLabeler(self.port, open_store(file_url(folder / "objects")))

    async def start(self, *program: str) -> None:
        """Start it and wait until it serves."""
        command = program or ("-m", "services.labeler")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *command, *self._settings, stderr=asyncio.subprocess.DEVNULL
        )
        await rpc.call(
            self.labeler.as_role(Role.OWNER).WhoAmI, pb.WhoAmIRequest(), timeout_s=5, retry_for_s=20
        )

    @property
    def is_alive(self) -> bool:
        """Whether the life that began last goes on."""
        return self._process.returncode is None

    async def kill(self) -> None:
        """Kill it without warning."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> int:
        """Wait for the end and return the exit code."""
        async with asyncio.timeout(20):
            return await self._process.wait()


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    """Return a labeler that is not running yet."""
    one = Process(tmp_path)
    yield one
    await one.labeler.close()
    with contextlib.suppress(AttributeError):
        await one.kill()


async def _call(method: Any, request: Any) -> Any:
    return await rpc.call(method, request, timeout_s=5, retry_for_s=20)


async def _answer_until_none(stub: Any, acknowledged: dict[str, preference_pb2.PreferenceRecord]) -> None:
    """Leases and answers until there is nothing left, each answer three times over and through every crash."""
    request = pb.LeaseQueriesRequest(run_id=RUN_ID, count=2, lease_s=1, wait_s=1.5)
    while leases := (await _call(stub.LeaseQueries, request)).leases:
        for lease in leases:
            answer = pb.SubmitPreferenceRequest(
                lease_token=lease.lease_token,
                answer_id=f"a{len(acknowledged)}-{random.getrandbits(60):x}",
                preference=preference_pb2.PREFERENCE_LEFT,
            )
            copies = await asyncio.gather(*(_call(stub.SubmitPreference, answer) for _ in range(3)))
            assert copies[0] == copies[1] == copies[2]
            acknowledged[answer.answer_id] = copies[0].record


async def test_random_kills_lose_and_double_nothing(process: Process) -> None:
    """Four lives, six teachers: every query answered once, every acknowledged row in the log as it was."""
    await process.start()
    labeler = process.labeler
    await labeler.create_run()
    query_ids = await labeler.propose(*(f"p{i}" for i in range(150)))
    stubs = [await labeler.new_labeler() for _ in range(NUM_TEACHERS)]
    acknowledged: dict[str, preference_pb2.PreferenceRecord] = {}
    async with asyncio.TaskGroup() as group:
        for stub in stubs:
            group.create_task(_answer_until_none(stub, acknowledged))
        for _ in range(3):
            num_before = len(acknowledged)
            await asyncio.sleep(random.uniform(0.05, 0.25))
            await process.kill()
            await process.start()
            assert len(acknowledged) >= num_before
    log = await labeler.log()
    assert [row.cursor for row in log] == list(range(1, len(log) + 1))
    assert {row.answer_id: row for row in log} == acknowledged
    assert len(log) == len(acknowledged)
    assert sorted(row.query_id for row in log if not row.is_extra) == sorted(query_ids)


@pytest.mark.parametrize(("moment", "num_rows"), [("before", 0), ("after", 1)])
async def test_a_kill_around_the_commit(process: Process, tmp_path: Path, moment: str, num_rows: int) -> None:
    """Before it is on disk nothing is there; after it everything is; a repeat makes it one either way."""
    await process.start("-c", KILLED_AT_COMMIT, moment)
    labeler = process.labeler
    await labeler.create_run()
    await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (lease,) = (await teacher.LeaseQueries(pb.LeaseQueriesRequest(count=1))).leases
    answer = pb.SubmitPreferenceRequest(
        lease_token=lease.lease_token, answer_id="a1", preference=preference_pb2.PREFERENCE_LEFT
    )
    with pytest.raises(UnavailableError), rpc.translated_errors():
        await teacher.SubmitPreference(answer)
    assert await process.ended() == -signal.SIGKILL
    async with running_labeler(tmp_path) as restarted:
        assert len(await restarted.log()) == num_rows
        record = (await restarted.as_role(Role.TEACHER).SubmitPreference(answer)).record
        assert await restarted.log() == [record]


async def test_a_paused_labelers_stale_token_does_not_count_twice(process: Process) -> None:
    """A process stopped past its leases goes on with the database's clock."""
    await process.start()
    labeler = process.labeler
    await labeler.create_run()
    await labeler.propose("a")
    late, other = labeler.as_role(Role.TEACHER), await labeler.new_labeler()
    request = pb.LeaseQueriesRequest(run_id=RUN_ID, count=1, lease_s=1, wait_s=3)
    (stale,) = (await late.LeaseQueries(request)).leases
    process._process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(1.2)
    process._process.send_signal(signal.SIGCONT)
    (fresh,) = (await other.LeaseQueries(request)).leases
    for stub, token, answer_id in ((other, fresh, "fresh"), (late, stale, "late")):
        await stub.SubmitPreference(
            pb.SubmitPreferenceRequest(
                lease_token=token.lease_token,
                answer_id=answer_id,
                preference=preference_pb2.PREFERENCE_RIGHT,
            )
        )
    assert [(row.answer_id, row.is_extra) for row in await labeler.log()] == [
        ("fresh", False),
        ("late", True),
    ]


async def _run(*arguments: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    return process.returncode or 0, errors.decode()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "required"),
        (["--database-url=mysql://x/y", "--storage-url=memory://"], "database_url must be sqlite"),
        (["--database-url=sqlite:////none/x", "--storage-url=memory://"], "folder"),
        (["--database-url=sqlite:///x", "--storage-url=ftp://x"], "object store URL"),
        (
            ["--database-url=sqlite:///x", "--storage-url=memory://", "--token-path=/none.json"],
            "token_path /none.json can't be read",
        ),
    ],
)
async def test_bad_settings_end_with_one_line(arguments: list[str], told: str) -> None:
    """Exit code 2, and nothing is left behind."""
    code, errors = await _run("-m", "services.labeler", *arguments)
    assert code == 2
    assert told in errors.splitlines()[-1]
    assert "Traceback" not in errors


async def test_a_teacher_with_a_wrong_token_ends_with_one_line(process: Process, tmp_path: Path) -> None:
    """Rather than try for ever."""
    await process.start()
    for token in ("wrong-token-0123456789", TOKENS[Role.SERVICE]):
        code, errors = await _run(
            "-m",
            "services.teacher",
            f"--labeler-address=127.0.0.1:{process.port}",
            f"--run-id={RUN_ID}",
            f"--storage-url={file_url(tmp_path / 'objects')}",
            SOMERSAULT_TEACHER_TOKEN=token,
        )
        assert code == HOPELESS
        assert "token" in errors.splitlines()[-1]
        assert token not in errors
