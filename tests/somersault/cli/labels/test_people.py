"""``somersault labelers``: who may label in a run, invitations and ends of sessions from the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from somersault.cli.command_line import main
from somersault.cli.exits.exit_codes import ExitCode
from somersault.cli.labels.people import list_people
from somersault.cli.pages.addresses import Addresses
from somersault.cli.run.folder import RunFolder
from somersault.domain.roles import Role
from somersault.errors import SomersaultError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RunningLabeler
from tests.somersault.cli.labels.runs import begin_run, labeler_of, working

_WEB = "https://labels.example"


@pytest.fixture
async def labeler(tmp_path: Path) -> AsyncIterator[RunningLabeler]:
    """The labeler of a run that is being trained, with pages."""
    run = tmp_path / "run"
    begin_run(run)
    async with labeler_of(run) as labeler:
        with working(run, labeler):
            Addresses(labeler=labeler.address, web=_WEB).store(RunFolder(run).addresses)
            yield labeler


async def _somersault(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> Any:
    """Return what the command prints as JSON; the labeler is served by this process meanwhile."""
    capsys.readouterr()
    code = await asyncio.to_thread(main, ["labelers", str(path), *options, "--json"])
    assert code == ExitCode.DONE
    return json.loads(capsys.readouterr().out.splitlines()[-1])


async def _name_by_session(labeler: RunningLabeler, secret: str) -> str:
    metadata = (("authorization", f"Session /{secret}"),)
    return str((await labeler.as_token(None).WhoAmI(pb.WhoAmIRequest(), metadata=metadata)).name)


async def test_who_is_invited_is_listed_and_may_label(
    labeler: RunningLabeler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a labeler unless a role is named; people get the page's address, programs a token alone."""
    run = tmp_path / "run"
    ada = await _somersault(capsys, run, "--invite", "Ada")
    assert ada["address"] == f"{_WEB}/#token={ada['token']}"
    who = await labeler.as_token(ada["token"]).WhoAmI(pb.WhoAmIRequest())
    assert (who.name, who.labeler_id, ada["role"]) == ("Ada", ada["labeler_id"], "labeler")
    program = await _somersault(capsys, run, "--invite", "robot", "--role", "teacher")
    assert (program["role"], program["address"]) == ("teacher", "")
    owner = await _somersault(capsys, run, "--invite", "Grace", "--role", "owner")
    assert owner["address"] == f"{_WEB}/owner#token={owner['token']}"
    listed = await _somersault(capsys, run)
    found = {(one["name"], one["role"]) for one in listed["labelers"]}
    assert {("Ada", "labeler"), ("robot", "teacher"), ("Grace", "owner")} <= found


async def test_sessions_end_and_the_token_stays(
    labeler: RunningLabeler, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By name or by labeler_id; a name that two have, and one that nobody has, are refused."""
    run = tmp_path / "run"
    ada = await _somersault(capsys, run, "--invite", "Ada")
    as_ada = labeler.as_token(ada["token"])
    for who in ("Ada", ada["labeler_id"]):
        begun = await as_ada.CreateSession(pb.CreateSessionRequest())
        assert await _name_by_session(labeler, begun.secret) == "Ada"
        assert (await _somersault(capsys, run, "--log-out", who))["labeler_id"] == ada["labeler_id"]
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await _name_by_session(labeler, begun.secret)
        assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert (await as_ada.WhoAmI(pb.WhoAmIRequest())).name == "Ada"
    await _somersault(capsys, run, "--invite", "Ada")
    for who, words in (("Ada", "several have that name"), ("Eve", "nobody in the run")):
        assert await asyncio.to_thread(main, ["labelers", str(run), "--log-out", who]) != ExitCode.DONE
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--invite", "a", "--log-out", "b"], "two commands"),
        (["--role", "teacher"], "belongs to --invite"),
        (["--invite", "a", "--role", "king"], "one of labeler"),
    ],
)
def test_what_belongs_together_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    """Before anything is asked of a labeler."""
    begin_run(tmp_path / "run")
    assert main(["labelers", str(tmp_path / "run"), *options]) == ExitCode.REFUSED
    assert words in capsys.readouterr().err


def test_a_run_that_asked_nothing_has_no_labelers(tmp_path: Path) -> None:
    """No database is made by looking."""
    begin_run(tmp_path / "run")
    with pytest.raises(SomersaultError, match="has asked nothing yet"):
        list_people(tmp_path / "run")
    assert not RunFolder(tmp_path / "run").database.exists()


@pytest.mark.slow
async def test_the_labeler_of_a_stopped_run_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For as long as it takes; the invitation is there later."""
    run = tmp_path / "run"
    begin_run(run)
    async with labeler_of(run):
        pass
    ada = await _somersault(capsys, run, "--invite", "Ada")
    assert ada["address"] == ""
    async with labeler_of(run) as labeler:
        assert (await labeler.as_token(ada["token"]).WhoAmI(pb.WhoAmIRequest())).name == "Ada"
        people = await labeler.as_role(Role.OWNER).ListLabelers(pb.ListLabelersRequest())
        assert "Ada" in {one.name for one in people.labelers}
