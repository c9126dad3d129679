"""Sessions of browsers: opaque, bound to a run's pages, and ended in every way that they can be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from services.labeler.people import session_repository
from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError, NotFoundError, UnauthenticatedError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc, preference_pb2
from tests.services.labeler.running import RUN_ID, TOKENS, RunningLabeler, refused, running_labeler

_PATH = "labels.sqlite"


class _Browser:
    """Calls with a session, as the gateway does."""

    def __init__(self, labeler: RunningLabeler, authorization: str) -> None:
        stub: Any = labeler_pb2_grpc.LabelerServiceStub(labeler.channel())
        self._stub, self._metadata = stub, (("authorization", authorization),)

    async def call(self, name: str, request: Any) -> Any:
        """Call a method."""
        return await getattr(self._stub, name)(request, metadata=self._metadata, timeout=10)

    async def who(self) -> str:
        """Return who the labeler takes the browser for."""
        return str((await self.call("WhoAmI", pb.WhoAmIRequest())).labeler_id)


async def _begin(labeler: RunningLabeler, token: str, run_id: str = RUN_ID) -> tuple[_Browser, str]:
    reply = await labeler.as_token(token).CreateSession(pb.CreateSessionRequest(run_id=run_id))
    return _Browser(labeler, f"Session {run_id}/{reply.secret}"), str(reply.secret)


async def _invite(labeler: RunningLabeler) -> pb.CreateLabelerResponse:
    request = pb.CreateLabelerRequest(name="Ada", role=preference_pb2.ROLE_LABELER)
    return await labeler.as_role(Role.OWNER).CreateLabeler(request)  # type: ignore[no-any-return]


def _change(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / _PATH)) as connection, connection:
        connection.execute(statement)


async def test_a_session_acts_as_who_began_it_and_only_with_its_run(labeler: RunningLabeler) -> None:
    """It is no token, and at another run's pages, or at those of any run, it is unknown."""
    ada = await _invite(labeler)
    browser, secret = await _begin(labeler, ada.token)
    assert await browser.who() == ada.labeler_id
    for value in (
        f"Session run-2/{secret}",
        f"Session /{secret}",
        f"Session {secret}",
        f"Bearer {secret}",
        f"Bearer {RUN_ID}/{secret}",
        f"Bearer session {RUN_ID}/{secret}",
        f"Session {RUN_ID}/{ada.token}",
    ):
        assert isinstance(await refused(_Browser(labeler, value).who()), UnauthenticatedError), value


async def test_a_session_can_not_begin_another(labeler: RunningLabeler) -> None:
    """Which would never end."""
    browser, _ = await _begin(labeler, (await _invite(labeler)).token)
    call = browser.call("CreateSession", pb.CreateSessionRequest(run_id=RUN_ID))
    assert isinstance(await refused(call), FailedPreconditionError)


@pytest.mark.parametrize("way", ["log-out", "revoke", "rotate", "end all"])
async def test_a_session_ends_at_once(labeler: RunningLabeler, way: str) -> None:
    """By its own browser, with the token, by the owner; another browser's goes on after a log-out."""
    ada, owner = await _invite(labeler), labeler.as_role(Role.OWNER)
    browser, _ = await _begin(labeler, ada.token)
    other, _ = await _begin(labeler, ada.token)
    assert await browser.who() == await other.who() == ada.labeler_id
    if way == "log-out":
        await browser.call("EndSession", pb.EndSessionRequest())
    elif way == "revoke":
        await owner.RevokeToken(pb.RevokeTokenRequest(labeler_id=ada.labeler_id))
    elif way == "rotate":
        await owner.RotateToken(pb.RotateTokenRequest(labeler_id=ada.labeler_id))
    else:
        await owner.EndSessions(pb.EndSessionsRequest(labeler_id=ada.labeler_id))
    assert isinstance(await refused(browser.who()), UnauthenticatedError)
    if way == "log-out":
        assert await other.who() == ada.labeler_id
    else:
        assert isinstance(await refused(other.who()), UnauthenticatedError)
    if way in ("log-out", "end all"):
        assert (await labeler.as_token(ada.token).WhoAmI(pb.WhoAmIRequest())).labeler_id == ada.labeler_id


@pytest.mark.parametrize(
    ("column", "too_old_ms"),
    [("expire_ms", session_repository.MAX_AGE_MS), ("used_ms", session_repository.MAX_IDLE_MS)],
)
async def test_a_session_ends_by_time(tmp_path: Path, column: str, too_old_ms: int) -> None:
    """30 days after it began, and 7 days after it was last used."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        browser, _ = await _begin(labeler, TOKENS[Role.LABELER])
        _change(tmp_path, f"UPDATE sessions SET {column} = {column} - {too_old_ms - 60_000}")
        assert await browser.who() == "labeler"
    _change(tmp_path, f"UPDATE sessions SET {column} = {column} - {too_old_ms}")
    async with running_labeler(tmp_path) as labeler:
        browser = _Browser(labeler, browser._metadata[0][1])
        assert isinstance(await refused(browser.who()), UnauthenticatedError)


async def test_a_session_outlives_a_restart_and_a_use_is_noted(tmp_path: Path) -> None:
    """It is in the database alone, so that any replica serves it; what is used within seven days lasts."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        _, secret = await _begin(labeler, TOKENS[Role.LABELER])
    _change(tmp_path, "UPDATE sessions SET used_ms = used_ms - 7200000")
    async with running_labeler(tmp_path) as labeler:
        await _Browser(labeler, f"Session {RUN_ID}/{secret}").who()
    with closing(sqlite3.connect(tmp_path / _PATH)) as connection:
        ((age_ms,),) = connection.execute(
            "SELECT (julianday('now') - 2440587.5) * 86400000 - used_ms FROM sessions"
        ).fetchall()
        stored = "".join(connection.iterdump())
    assert age_ms < 60_000
    assert secret not in stored


async def test_a_labeler_has_at_most_twenty_sessions(labeler: RunningLabeler) -> None:
    """The one that was unused the longest makes room, so that log-ins don't fill the database."""
    token = (await _invite(labeler)).token
    browsers = [(await _begin(labeler, token))[0] for _ in range(21)]
    assert isinstance(await refused(browsers[0].who()), UnauthenticatedError)
    assert await browsers[20].who()


async def test_an_owner_of_a_run_ends_no_sessions_of_others(labeler: RunningLabeler) -> None:
    """Of labelers that it doesn't know there are none."""
    await labeler.create_run("run-2")
    owner = labeler.as_role(Role.OWNER)
    made = await owner.CreateLabeler(
        pb.CreateLabelerRequest(name="o", role=preference_pb2.ROLE_OWNER, run_ids=[RUN_ID])
    )
    theirs = await owner.CreateLabeler(
        pb.CreateLabelerRequest(name="l", role=preference_pb2.ROLE_LABELER, run_ids=["run-2"])
    )
    call = labeler.as_token(made.token).EndSessions(pb.EndSessionsRequest(labeler_id=theirs.labeler_id))
    assert isinstance(await refused(call), NotFoundError)
