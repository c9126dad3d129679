"""Runs of one name are told apart by an identity."""

from __future__ import annotations

from typing import Any

import pytest

from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError, InvalidInputError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, RunningLabeler, refused

MINE, OTHER = "0123456789abcdef" * 2, "f" * 32


def _create(labeler: RunningLabeler, identity: str) -> Any:
    request = pb.CreateRunRequest(run_id=RUN_ID, task="hopper-backflip", question="?", identity=identity)
    return labeler.as_role(Role.SERVICE).CreateRun(request)


async def _identity(labeler: RunningLabeler) -> str:
    listed = await labeler.as_role(Role.OWNER).ListRuns(pb.ListRunsRequest())
    return str(listed.runs[0].identity)


async def test_another_run_of_a_known_name_is_refused(labeler: RunningLabeler) -> None:
    """Its services would learn from somebody else's answers; what is known stays, and the line says what to do."""
    await _create(labeler, MINE)
    error = await refused(_create(labeler, OTHER))
    assert isinstance(error, FailedPreconditionError)
    assert all(word in str(error) for word in (MINE, OTHER, "UpdateRun"))
    await _create(labeler, MINE)
    assert await _identity(labeler) == MINE


async def test_a_run_without_an_identity_takes_the_first_that_is_said(labeler: RunningLabeler) -> None:
    """As runs made by an older program do; who says none is not compared."""
    await _create(labeler, "")
    assert await _identity(labeler) == ""
    await _create(labeler, MINE)
    await _create(labeler, "")
    assert await _identity(labeler) == MINE
    assert isinstance(await refused(_create(labeler, OTHER)), FailedPreconditionError)


async def test_a_run_can_be_taken_over(labeler: RunningLabeler) -> None:
    """By UpdateRun, which is noted; from then on the former identity is the foreign one."""
    await _create(labeler, MINE)
    update = pb.UpdateRunRequest(run_id=RUN_ID, identity=OTHER)
    assert (await labeler.as_role(Role.OWNER).UpdateRun(update)).run.identity == OTHER
    await _create(labeler, OTHER)
    assert isinstance(await refused(_create(labeler, MINE)), FailedPreconditionError)
    log = await labeler.as_role(Role.OWNER).ListAuditLog(pb.ListAuditLogRequest(run_id=RUN_ID))
    assert OTHER in next(entry.detail for entry in log.entries if entry.action == "UpdateRun")


@pytest.mark.parametrize("identity", ["0" * 31, "0" * 33, "G" * 32, "A" * 32, "../" + "0" * 29])
async def test_what_is_no_identity_is_refused(labeler: RunningLabeler, identity: str) -> None:
    """At both places where one is said."""
    assert isinstance(await refused(_create(labeler, identity)), InvalidInputError)
    update = labeler.as_role(Role.OWNER).UpdateRun(pb.UpdateRunRequest(run_id=RUN_ID, identity=identity))
    assert isinstance(await refused(update), InvalidInputError)
