"""Checks a labeler over gRPC: each promise of the protocol, with a run and labelers of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
import grpc.aio

from somersault import rpc
from somersault.compliance.checks import Check, NotSeenError, Outcome, UnmetError, Verdict
from somersault.compliance.server_checks.access import ACCESS_CHECKS
from somersault.compliance.server_checks.answers import ANSWER_CHECKS
from somersault.compliance.server_checks.clips import CLIP_CHECKS
from somersault.compliance.server_checks.exports import EXPORT_CHECKS
from somersault.compliance.server_checks.inputs import INPUT_CHECKS
from somersault.compliance.server_checks.leases import LEASE_CHECKS
from somersault.compliance.server_checks.life import LIFE_CHECKS
from somersault.compliance.server_checks.log import LOG_CHECKS
from somersault.compliance.server_checks.trial import Dial, Trial
from somersault.domain.roles import Identity, Role
from somersault.errors import InvalidInputError, PermissionDeniedError, SomersaultError
from somersault.v1 import labeler_pb2, labeler_pb2_grpc, preference_pb2

__all__ = ["SERVER_CHECKS", "check_server"]

SERVER_CHECKS = (
    *LEASE_CHECKS,
    *ANSWER_CHECKS,
    *LOG_CHECKS,
    *LIFE_CHECKS,
    *EXPORT_CHECKS,
    *CLIP_CHECKS,
    *ACCESS_CHECKS,
    *INPUT_CHECKS,
)
"""Every check, in the order in which they are reported."""

_AT_ONCE = 4  # many wait for a lease to end; each has a run of its own, so they don't interfere


async def check_server(
    address: str,
    *,
    owner_token: str,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    only: str = "",
    authorities: Path | None = None,
) -> list[Outcome]:
    """Return the outcome of each check.

    It creates runs named ``compliance-…`` and labelers named ``compliance``. The labelers' tokens are revoked at the end;
    the runs and their answers stay, so use a labeler with a separate database.

    Args:
        address: ``host:port`` of the labeler.
        owner_token: A token of role owner.
        on_outcome: Called with each outcome as soon as it is known.
        only: Run only the checks whose names contain this.
        authorities: A PEM file with the authorities of the labeler's certificate; None if its port isn't encrypted.

    Raises:
        SomersaultError: the labeler can't be reached, the token isn't an owner's, or no check has such a name.
    """
    chosen = [check for check in SERVER_CHECKS if only in check.name]
    if not chosen:
        raise InvalidInputError(f"only is {only!r}, must be part of the name of a check")
    dial = partial(_dial, address, authorities)
    await _check_owner(dial, owner_token)
    room = asyncio.Semaphore(_AT_ONCE)

    async def run(check: Check) -> Outcome:
        async with room:
            return await _run(check, dial, owner_token)

    outcomes = []
    async with asyncio.TaskGroup() as group:
        for task in [group.create_task(run(check)) for check in chosen]:
            outcomes.append(await task)
            on_outcome(outcomes[-1])
    return outcomes


def _dial(address: str, authorities: Path | None, token: str | None) -> grpc.aio.Channel:
    return rpc.open_channel(address, token=token, authorities=authorities, peer=Identity.LABELER)


async def _check_owner(dial: Dial, owner_token: str) -> None:
    async with dial(owner_token) as channel:
        stub = labeler_pb2_grpc.LabelerServiceStub(channel)
        reply = await rpc.call(stub.WhoAmI, labeler_pb2.WhoAmIRequest(), timeout_s=5)
    if reply.role != preference_pb2.ROLE_OWNER:
        raise PermissionDeniedError(
            f"the token is of role {reply.role}, not {Role.OWNER.value}: it invites labelers"
        )


async def _run(check: Check, dial: Dial, owner_token: str) -> Outcome:
    trial = Trial(dial, owner_token=owner_token)
    got, verdict = "", Verdict.FAILED
    try:
        await trial.begin()
        await check.run(trial)
    except NotSeenError as error:
        got, verdict = str(error), Verdict.NOT_SEEN
    except UnmetError as error:
        got = str(error)
    except grpc.aio.AioRpcError as error:
        got = f"a call that must succeed ended with {error.code().name}: {error.details()!r}"
    except (SomersaultError, ValueError, TimeoutError, StopAsyncIteration) as error:
        got = f"{type(error).__name__}: {error}"
    try:
        await trial.close()
    except grpc.aio.AioRpcError as error:
        verdict = Verdict.FAILED
        got = got or f"RevokeToken of an invited labeler ended with {error.code().name}: {error.details()!r}"
    verdict = verdict if got else Verdict.PASSED
    return Outcome(name=check.name, expected=check.expected, verdict=verdict, got=got)
