"""``somersault labelers RUN``: who may label in a run, invitations, and ends of sessions, through the run's labeler."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from somersault.cli.labels.labeler_client import called_labeler
from somersault.cli.pages.addresses import read_addresses
from somersault.cli.pages.links import labeling_url, owner_url
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.domain.roles import Role
from somersault.errors import ConfigError, InvalidInputError, NotFoundError
from somersault.rpc import call
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc
from somersault.wire import role_from_message, role_to_message

__all__ = ["Invited", "Person", "invite", "list_people", "log_out"]

_TIMEOUT_S = 20.0
_PAGE_SIZE = 1000

if TYPE_CHECKING:
    _Stub: TypeAlias = (
        labeler_pb2_grpc.LabelerServiceAsyncStub
    )  # the generated code has it in its stubs alone
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of a run."""

    labeler_id: str
    name: str
    role: str
    is_revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """A new member of a run."""

    labeler_id: str
    name: str
    role: str
    token: str
    address: str
    """The page that it opens with its token; empty for a program, and while no pages are served."""


def list_people(path: Path) -> list[Person]:
    """Return a run's members by labeler_id.

    Raises:
        SomersaultError: there is no such run, or its labeler can't be reached.
    """
    return _ask(path, _list)


def invite(path: Path, name: str, *, role: Role) -> Invited:
    """Invite a person or a program to a run. Its token is not shown again.

    Raises:
        SomersaultError: the labeler refuses or can't be reached.
    """

    async def create(stub: _Stub, run_id: str) -> pb.CreateLabelerResponse:
        request = pb.CreateLabelerRequest(name=name, role=role_to_message(role), run_ids=[run_id])
        response: pb.CreateLabelerResponse = await call(stub.CreateLabeler, request, timeout_s=_TIMEOUT_S)
        return response

    made = _ask(path, create)
    address = _page_of(RunFolder(path), role, token=made.token)
    return Invited(labeler_id=made.labeler_id, name=name, role=role.value, token=made.token, address=address)


def log_out(path: Path, who: str) -> Person:
    """End all sessions of a member of a run; its token stays.

    Args:
        path: The run's folder.
        who: Its labeler_id, or its name if nobody else has that.

    Raises:
        SomersaultError: there is no such member, or the labeler can't be reached.
    """

    async def end(stub: _Stub, run_id: str) -> Person:
        person = _find(await _list(stub, run_id), who)
        request = pb.EndSessionsRequest(labeler_id=person.labeler_id)
        await call(stub.EndSessions, request, timeout_s=_TIMEOUT_S, retry_for_s=_TIMEOUT_S)
        return person

    return _ask(path, end)


def _ask(path: Path, ask: Callable[[_Stub, str], Awaitable[_Result]]) -> _Result:
    async def work(config: RunConfig, folder: RunFolder) -> _Result:
        async with called_labeler(config, folder) as stub:
            return await ask(stub, config.run_id)

    with RunFolder(path, command="labelers") as folder:
        config = folder.read_config()
        if config.is_reference:
            raise ConfigError(f"{folder.path} is a run on the true reward: nobody answers in it")
        if not folder.database.is_file():
            raise NotFoundError(f"{folder.path} has asked nothing yet, so it has no labelers; train it first")
        return asyncio.run(work(config, folder))


async def _list(stub: _Stub, run_id: str) -> list[Person]:
    found: list[Person] = []
    request = pb.ListLabelersRequest(run_id=run_id, page_size=_PAGE_SIZE)
    while True:
        page = await call(stub.ListLabelers, request, timeout_s=_TIMEOUT_S, retry_for_s=_TIMEOUT_S)
        found += [_person(one) for one in page.labelers]
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


def _person(labeler: pb.Labeler) -> Person:
    return Person(
        labeler_id=labeler.labeler_id,
        name=labeler.name,
        role=role_from_message(labeler.role).value,
        is_revoked=labeler.HasField("revoke_time"),
    )


def _find(people: list[Person], who: str) -> Person:
    found = [one for one in people if one.labeler_id == who] or [one for one in people if one.name == who]
    if not found:
        raise NotFoundError(f"nobody in the run has the labeler_id or the name {who[:100]!r}")
    if len(found) > 1:
        ids = ", ".join(one.labeler_id for one in found)
        raise InvalidInputError("--log-out", who[:100], f"one of {ids}: several have that name")
    return found[0]


def _page_of(folder: RunFolder, role: Role, *, token: str) -> str:
    web = read_addresses(folder.addresses).web if folder.user() is not None else ""
    if not web or role not in (Role.LABELER, Role.OWNER):
        return ""
    return labeling_url(web, token=token) if role is Role.LABELER else owner_url(web, token=token)
