"""A token that ends takes with it what it was let in for, at every replica."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.labeler.database import open_database
from services.labeler.model.labelers import Labeler
from services.labeler.people import tokens
from services.labeler.people.admission import LongCallTokens
from services.labeler.people.labelers import Labelers
from somersault.domain.roles import Role
from somersault.errors import UnauthenticatedError
from somersault.runtime.urls import sqlite_url
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.postgresql_server import IS_INSTALLED, PostgresqlServer
from tests.services.labeler.running import (
    RUN_ID,
    RunningLabeler,
    refused,
    running_labeler,
)

IN_TIME_S = 5.0
_NEEDS_POSTGRESQL = pytest.mark.skipif(not IS_INSTALLED, reason="PostgreSQL is not installed")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=_NEEDS_POSTGRESQL)])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a database of each kind."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path_factory.mktemp("database") / "labels.sqlite")
        return
    server = PostgresqlServer()
    server.start()
    yield server.url
    server.remove()


@pytest.fixture
async def replicas(tmp_path: Path, database_url: str) -> AsyncIterator[tuple[RunningLabeler, RunningLabeler]]:
    """Serve two labelers from one database."""
    async with (
        running_labeler(tmp_path, database_url=database_url) as one,
        running_labeler(tmp_path, database_url=database_url) as two,
    ):
        await one.create_run()
        yield one, two


async def _invite(labeler: RunningLabeler, role: int) -> Any:
    request = pb.CreateLabelerRequest(name="another", role=role)  # type: ignore[arg-type]
    return await labeler.as_role(Role.OWNER).CreateLabeler(request)


async def _end(labeler: RunningLabeler, revoked: Any, rotated: Any) -> None:
    """End two labelers' tokens, each in its way."""
    owner = labeler.as_role(Role.OWNER)
    await owner.RevokeToken(pb.RevokeTokenRequest(labeler_id=revoked.labeler_id))
    await owner.RotateToken(pb.RotateTokenRequest(labeler_id=rotated.labeler_id))


async def _follow(stub: Any) -> None:
    async for _ in stub.WatchPreferences(pb.WatchPreferencesRequest(run_id=RUN_ID)):
        pass


async def _wait_for_lease(stub: Any) -> Any:
    return (await stub.LeaseQueries(pb.LeaseQueriesRequest(run_id=RUN_ID, count=1, wait_s=20))).leases


async def test_a_still_stream_ends_with_its_token(replicas: tuple[RunningLabeler, RunningLabeler]) -> None:
    """Revoked or rotated, at the replica that was told and at the other one, within seconds; others follow on."""
    holders = [await _invite(replicas[0], preference_pb2.ROLE_SERVICE) for _ in range(2)]
    following = [
        asyncio.create_task(_follow(each.as_token(holder.token))) for holder in holders for each in replicas
    ]
    staying = asyncio.create_task(_follow(replicas[1].as_role(Role.SERVICE)))
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in following)
    await _end(replicas[0], *holders)
    async with asyncio.timeout(IN_TIME_S):
        errors = [await refused(task) for task in following]
    assert [type(error) for error in errors] == [UnauthenticatedError] * 4
    assert not staying.done()
    staying.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await staying


async def test_who_lost_its_token_while_it_waited_gets_no_lease(
    replicas: tuple[RunningLabeler, RunningLabeler],
) -> None:
    """The wait ends with UNAUTHENTICATED, and queries that come at that very moment go to nobody."""
    labeler, other = replicas
    holders = [await _invite(labeler, preference_pb2.ROLE_TEACHER) for _ in range(2)]
    waiting = [
        asyncio.create_task(_wait_for_lease(each.as_token(holder.token)))
        for holder in holders
        for each in replicas
    ]
    await asyncio.sleep(0.3)
    await _end(labeler, *holders)
    await other.propose("a", "b")
    async with asyncio.timeout(IN_TIME_S):
        errors = [await refused(task) for task in waiting]
    assert [type(error) for error in errors] == [UnauthenticatedError] * 4
    assert (await labeler.stats()).num_leased == 0
    assert len(await _wait_for_lease(labeler.as_role(Role.TEACHER))) == 1


async def test_hundreds_of_lasting_calls_are_looked_up_together(tmp_path: Path) -> None:
    """Three hundred tokens, asked about 1,800 times, cost two reads: the first, and one for all when one ended."""
    database = open_database(sqlite_url(tmp_path / "labels.sqlite"))
    labelers = Labelers(database)
    owner = Labeler(labeler_id="owner", name="owner", role=Role.OWNER, runs=None)
    invited = await asyncio.gather(
        *(labelers.create(owner, name=f"{i}", role=Role.SERVICE) for i in range(300))
    )
    digests = [tokens.sha256(token) for _, token in invited]
    lasting, looks = LongCallTokens(labelers), list[str]()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "token_sha256 IN" in statement:
            looks.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        for _ in range(5):
            assert all(await asyncio.gather(*(lasting.find(digest, admitted=owner) for digest in digests)))
        await labelers.rotate(owner, invited[7][0].labeler_id)
        ended = await asyncio.gather(*(lasting.find(digest, admitted=owner) for digest in digests))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
        database.close()
    assert [number for number, holder in enumerate(ended) if holder is None] == [7]
    assert len(looks) == 2
