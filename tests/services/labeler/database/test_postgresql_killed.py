"""PostgreSQL may crash under a labeler, and a labeler at its commit there: no acknowledged answer is lost or doubled."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from somersault import rpc
from somersault.domain.roles import Role
from somersault.errors import UnavailableError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.postgresql_server import IS_INSTALLED, PostgresqlServer
from tests.services.labeler.running import RUN_ID, running_labeler
from tests.services.labeler.test_crash import KILLED_AT_COMMIT, Process

pytestmark = pytest.mark.skipif(not IS_INSTALLED, reason="PostgreSQL is not installed")

NUM_TEACHERS = 12
NUM_QUERIES = 240
DEADLINE_S = 5.0
_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE})


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    """Return a PostgreSQL server that runs."""
    one = PostgresqlServer()
    one.start()
    yield one
    one.remove()


@pytest.fixture
async def process(tmp_path: Path, server: PostgresqlServer) -> AsyncIterator[Process]:
    """Return a labeler on that server that is not running yet."""
    one = Process(tmp_path, database_url=server.url)
    yield one
    await one.labeler.close()
    await one.kill()


@dataclass
class Log:
    """What the labelers saw."""

    acknowledged: dict[str, preference_pb2.PreferenceRecord] = field(default_factory=dict)
    refusals: list[grpc.StatusCode] = field(default_factory=list)
    """Of calls that failed."""
    answers_repeated: set[str] = field(default_factory=set)
    longest_s: float = 0.0
    """How long a failed call took at most."""

    async def call(self, method: Any, request: Any) -> Any:
        """Call until there is a reply, the same request each time."""
        while True:
            begin_s = time.monotonic()
            try:
                return await method(request, timeout=DEADLINE_S)
            except grpc.aio.AioRpcError as error:
                self.refusals.append(error.code())
                self.longest_s = max(self.longest_s, time.monotonic() - begin_s)
                if error.code() not in _AWAY:
                    raise
                if isinstance(request, pb.SubmitPreferenceRequest):
                    self.answers_repeated.add(request.answer_id)
                await asyncio.sleep(0.05)


async def _answer_until_none(stub: Any, log: Log) -> None:
    request = pb.LeaseQueriesRequest(run_id=RUN_ID, count=1, lease_s=1, wait_s=1.5)
    # One at a time: leases whose replies the crash swallows are held until they end, and ten are the most allowed.
    while leases := (await log.call(stub.LeaseQueries, request)).leases:
        for lease in leases:
            answer = pb.SubmitPreferenceRequest(
                lease_token=lease.lease_token,
                answer_id=f"a-{random.getrandbits(60):x}",
                preference=preference_pb2.PREFERENCE_LEFT,
            )
            log.acknowledged[answer.answer_id] = (await log.call(stub.SubmitPreference, answer)).record


async def test_a_crash_of_postgresql_loses_and_doubles_no_answer(
    process: Process, server: PostgresqlServer
) -> None:
    """Two crashes under twelve labelers: the labeler lives on, says UNAVAILABLE in time, and goes on with all it had."""
    await process.start()
    labeler = process.labeler
    await labeler.create_run()
    query_ids = await labeler.propose(*(f"p{i}" for i in range(NUM_QUERIES)))
    stubs = [await labeler.new_labeler() for _ in range(NUM_TEACHERS)]
    log = Log()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        working = [group.create_task(_answer_until_none(stub, log)) for stub in stubs]
        for _ in range(2):
            num_before, num_refused = len(log.acknowledged), len(log.refusals)
            while len(log.acknowledged) < num_before + NUM_QUERIES // 16:
                await asyncio.sleep(0.001)
            await asyncio.to_thread(server.crash)
            while len(log.refusals) < num_refused + NUM_TEACHERS:  # all of them have been told
                await asyncio.sleep(0.01)
            assert not any(task.done() for task in working), "nobody had anything left to answer"
            await asyncio.to_thread(server.start)
    rows = await labeler.log()
    assert process.is_alive
    assert set(log.refusals) == {grpc.StatusCode.UNAVAILABLE}
    assert log.longest_s < DEADLINE_S
    assert log.answers_repeated, "no answer was on its way"
    assert [row.cursor for row in rows] == list(range(1, len(rows) + 1))
    assert {row.answer_id: row for row in rows} == log.acknowledged
    assert len(rows) == len(log.acknowledged)
    assert sorted(row.query_id for row in rows if not row.is_extra) == sorted(query_ids)


@pytest.mark.parametrize(("moment", "num_rows"), [("before", 0), ("after", 1)])
async def test_a_kill_of_the_labeler_around_the_commit(
    tmp_path: Path, server: PostgresqlServer, process: Process, moment: str, num_rows: int
) -> None:
    """As on SQLite; another replica has all or nothing of the answer, and a repeat there makes it one."""
    await process.start("-c", KILLED_AT_COMMIT, moment)
    run_id = f"run-{moment}"
    async with running_labeler(tmp_path, database_url=server.url) as other:
        await other.create_run(run_id)
        await other.propose("a", run_id=run_id)
        teacher = other.as_role(Role.TEACHER)
        (lease,) = (await teacher.LeaseQueries(pb.LeaseQueriesRequest(run_id=run_id, count=1))).leases
        answer = pb.SubmitPreferenceRequest(
            lease_token=lease.lease_token, answer_id=moment, preference=preference_pb2.PREFERENCE_LEFT
        )
        with pytest.raises(UnavailableError), rpc.translated_errors():
            await process.labeler.as_role(Role.TEACHER).SubmitPreference(answer)
        assert await process.ended() == -signal.SIGKILL
        assert len(await other.log(run_id)) == num_rows
        record = (await teacher.SubmitPreference(answer)).record
        assert await other.log(run_id) == [record]
