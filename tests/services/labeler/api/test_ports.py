"""A labeler with two ports: one for the run's services, which show certificates, and one for front ends, which don't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest

from somersault.domain.roles import Identity, Role
from somersault.errors import PermissionDeniedError, SomersaultError, UnauthenticatedError, UnavailableError
from somersault.rpc import open_channel
from somersault.wire.access import CALLERS, ROLES
from tests.certificates import Authority
from tests.services.labeler.running import TOKENS, RunningLabeler, running_labeler
from tests.somersault.rpc.tls.servers import call_method, refusal_of

_SERVICE = "/somersault.v1.LabelerService/"
_PATHS = [f"{_SERVICE}{name}" for name in ROLES]


@asynccontextmanager
async def _labeler(folder: Path, authority: Authority, *, public_port: int) -> AsyncIterator[RunningLabeler]:
    certificates = authority.write(folder / "certificates" / "labeler", "labeler")
    async with running_labeler(folder, certificates_path=certificates, public_port=public_port) as labeler:
        yield labeler


async def _denied(channel: grpc.aio.Channel) -> set[str]:
    """Call every rpc and return those that were denied, whatever became of the others."""

    async def is_denied(path: str) -> bool:
        try:
            await call_method(channel, path)
        except PermissionDeniedError:
            return True
        except SomersaultError as error:
            assert not isinstance(error, UnauthenticatedError | UnavailableError), error  # noqa: PT017
        return False

    answers = await asyncio.gather(*map(is_denied, _PATHS))
    return {path for path, answer in zip(_PATHS, answers, strict=True) if answer}


async def test_certificate_and_token_must_both_allow_a_call(tmp_path: Path, unused_tcp_port: int) -> None:
    """Every rpc by every identity with every role's token: whichever of them doesn't, the call is denied."""
    authority = Authority()
    async with _labeler(tmp_path, authority, public_port=unused_tcp_port) as labeler:
        for identity in Identity:
            shown = authority.write(tmp_path / "certificates" / identity, identity)
            for role in Role:
                async with open_channel(
                    labeler.address, token=TOKENS[role], certificates=shown, peer=Identity.LABELER
                ) as channel:
                    allowed = {
                        path
                        for path in _PATHS
                        if identity in CALLERS[path] and role in ROLES[path.removeprefix(_SERVICE)]
                    }
                    assert await _denied(channel) == set(_PATHS) - allowed, (identity, role)


async def test_a_certificate_alone_opens_nothing(tmp_path: Path, unused_tcp_port: int) -> None:
    """The run's own tools need a token too."""
    authority = Authority()
    async with _labeler(tmp_path, authority, public_port=unused_tcp_port) as labeler:
        owner = authority.write(tmp_path / "certificates" / "owner", "owner")
        for path in _PATHS:
            error = await refusal_of(labeler.address, owner, path=path)
            expected = UnauthenticatedError if Identity.OWNER in CALLERS[path] else PermissionDeniedError
            assert isinstance(error, expected), (path, error)


async def test_front_ends_need_a_token_and_no_certificate_at_their_port_alone(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    """As at a labeler without certificates; at the other port a token without a certificate is not even read."""
    async with _labeler(tmp_path, Authority(), public_port=unused_tcp_port) as labeler:
        public = f"127.0.0.1:{unused_tcp_port}"
        for role in Role:
            async with open_channel(public, token=TOKENS[role]) as channel:
                expected = {path for path in _PATHS if role not in ROLES[path.removeprefix(_SERVICE)]}
                assert await _denied(channel) == expected
        assert isinstance(await refusal_of(public, None), UnauthenticatedError)
        async with open_channel(labeler.address, token=TOKENS[Role.OWNER]) as channel:
            with pytest.raises(UnavailableError):
                await call_method(channel, f"{_SERVICE}WhoAmI")
