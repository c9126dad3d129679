"""Every rpc of every service, from the protos, by every identity: denied unless its option names it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from structlog.testing import capture_logs

from somersault.domain.roles import Identity
from somersault.errors import PermissionDeniedError, SomersaultError
from somersault.rpc import open_channel
from somersault.rpc.tls.authorization import _may
from somersault.v1 import options_pb2
from somersault.wire.access import CALLERS, SERVICE_METHODS
from tests.certificates import PREFIX, Authority
from tests.somersault.rpc.tls.servers import Served, call_method, events, serving

OTHERS = {
    "another run's": {"prefix": "spiffe://somersault.test/other-run/"},
    "another domain's": {"prefix": "spiffe://elsewhere.test/run/"},
    "a name that begins alike": {"prefix": f"{PREFIX}x"},
    "a name in another case": {"prefix": PREFIX.replace("run", "RUN")},
    "no name": {"prefix": None},
}
"""Certificates of the right authority whose name is not one of the run's."""


async def _denied(served: Served, certificates: Path) -> set[str]:
    """Call every rpc and return those that were denied; whatever else refused is an error."""
    async with open_channel(served.address, certificates=certificates, peer=Identity.LABELER) as channel:
        errors = await asyncio.gather(*(_error(channel, path) for path in SERVICE_METHODS))
    assert all(error is None or isinstance(error, PermissionDeniedError) for error in errors), errors
    return {path for path, error in zip(SERVICE_METHODS, errors, strict=True) if error}


async def _error(channel: grpc.aio.Channel, path: str) -> SomersaultError | None:
    """Call once and return how that was refused.

    A stream that is refused while it is being opened sometimes ends as grpc.aio's "Internal error from Core", after which clients
    try again.
    """
    for _ in range(10):
        try:
            await call_method(channel, path)
        except SomersaultError as error:
            if "from Core" not in str(error):
                return error
        else:
            return None
    raise AssertionError(f"{path} ended ten times without a status")


def test_every_identity_of_the_protos_is_known_and_named_somewhere() -> None:
    """None has been forgotten on either side, and no rpc is for nobody."""
    names = {name.removeprefix("IDENTITY_").lower() for name in options_pb2.Identity.keys()}  # noqa: SIM118
    assert names == {"unspecified", *Identity}
    assert all(CALLERS.values())


async def test_each_identity_may_call_what_options_say_and_nothing_else(tmp_path: Path) -> None:
    """Over mutual TLS, at a server as every service runs one; what was denied was never served."""
    authority = Authority()
    async with serving(authority.write(tmp_path / "server", "labeler")) as served:
        for identity in Identity:
            served.application.served.clear()
            denied = await _denied(served, authority.write(tmp_path / identity, identity))
            allowed = {path for path, callers in CALLERS.items() if identity in callers}
            assert denied == SERVICE_METHODS.keys() - allowed, identity
            assert sorted(served.application.served) == sorted(allowed)


@pytest.mark.parametrize("kind", OTHERS)
async def test_who_is_not_of_the_run_may_call_nothing(tmp_path: Path, kind: str) -> None:
    """Whatever service the certificate's name ends in."""
    authority = Authority()
    async with serving(authority.write(tmp_path / "server", "labeler")) as served:
        for identity in Identity:
            # A client of ours refuses such a certificate itself, so its files are checked by the server's name.
            stranger = authority.leaf(identity, **OTHERS[kind])
            assert await _undenied(served, authority, stranger) == {}
    assert not served.application.served


async def _undenied(served: Served, authority: Authority, leaf: tuple[bytes, bytes]) -> dict[str, str]:
    credentials = grpc.ssl_channel_credentials(authority.pem, leaf[1], leaf[0])
    options = [("grpc.ssl_target_name_override", "labeler"), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(served.address, credentials, options=options) as channel:
        errors = await asyncio.gather(*(_error(channel, path) for path in SERVICE_METHODS))
    return {
        path: repr(error)
        for path, error in zip(SERVICE_METHODS, errors, strict=True)
        if not isinstance(error, PermissionDeniedError)
    }


async def test_a_denied_request_is_not_parsed(tmp_path: Path) -> None:
    """Who may not call isn't even told that its request is no message."""
    authority, malformed = Authority(), b"\x0a\xff\xff\xff\xff\x0f"
    async with serving(authority.write(tmp_path / "server", "labeler")) as served:
        for identity in (Identity.SIMULATOR, Identity.OWNER):
            certificates = authority.write(tmp_path / identity, identity)
            async with open_channel(
                served.address, certificates=certificates, peer=Identity.LABELER, has_own_connection=True
            ) as channel:
                for path, method in SERVICE_METHODS.items():
                    if method.client_streaming:
                        continue
                    kind = channel.unary_stream if method.server_streaming else channel.unary_unary
                    reply = kind(path)(malformed)
                    with pytest.raises(grpc.aio.AioRpcError) as caught:
                        await (reply.read() if method.server_streaming else reply)
                    may = identity in CALLERS[path]
                    expected = grpc.StatusCode.INVALID_ARGUMENT if may else grpc.StatusCode.PERMISSION_DENIED
                    assert caught.value.code() is expected, (identity, path, caught.value.details())
    assert not served.application.served


async def test_a_denied_request_is_not_waited_for(tmp_path: Path) -> None:
    """Nothing of it is read, however much is sent: the answer comes before the first byte."""
    authority, never = Authority(), asyncio.Event()

    async def nothing() -> AsyncIterator[bytes]:
        await never.wait()
        yield b""

    async with serving(authority.write(tmp_path / "server", "labeler")) as served:
        simulator = authority.write(tmp_path / "simulator", "simulator")
        async with open_channel(served.address, certificates=simulator, peer=Identity.LABELER) as channel:
            for path, callers in CALLERS.items():
                if Identity.SIMULATOR not in callers:
                    reply = channel.stream_stream(path)(nothing(), timeout=20)
                    with pytest.raises(grpc.aio.AioRpcError) as caught:
                        await reply.read()
                    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED, path


async def test_a_call_without_a_request_is_refused(tmp_path: Path) -> None:
    """As one that is no message."""
    authority = Authority()
    async with serving(authority.write(tmp_path / "server", "labeler")) as served:
        owner = authority.write(tmp_path / "owner", "owner")
        async with open_channel(served.address, certificates=owner, peer=Identity.LABELER) as channel:
            call = channel.stream_unary("/somersault.v1.LabelerService/WhoAmI")(iter(()), timeout=20)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_prefixes_that_are_named_replace_ones_own(tmp_path: Path) -> None:
    """Services of one run may have names of two kinds, as while they are being moved."""
    authority = Authority()
    other = "spiffe://other.test/run-"
    server = authority.write(tmp_path / "server", "labeler")
    async with serving(server, identity_prefixes=(other,)) as served:
        own = await _denied(served, authority.write(tmp_path / "own", "owner"))
        named = await _denied(served, authority.write(tmp_path / "named", "owner", prefix=other))
    assert own == set(SERVICE_METHODS)
    assert named == {path for path, callers in CALLERS.items() if Identity.OWNER not in callers}


async def test_a_denial_is_logged_once_for_each_caller_and_rpc(tmp_path: Path) -> None:
    """However often somebody tries."""
    authority = Authority()
    simulator = authority.write(tmp_path / "simulator", "simulator")
    with capture_logs() as lines:
        async with serving(authority.write(tmp_path / "server", "labeler")) as served:
            for _ in range(3):
                denied = await _denied(served, simulator)
    logged = [(line["method"], line["caller"]) for line in events(lines, "call_denied")]
    assert sorted(logged) == sorted((path, f"{PREFIX}simulator") for path in denied)


async def test_an_unknown_rpc_is_denied_like_a_known_one(tmp_path: Path) -> None:
    """What has no option is for nobody; what isn't served at all is not there for anybody."""
    assert not any(_may(identity, "/somersault.v2.New/Rpc") for identity in Identity)
    assert not any(
        _may(identity, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        for identity in Identity
        if identity is not Identity.OWNER
    )
