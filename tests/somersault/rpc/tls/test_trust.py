"""Who is refused before any call is served, on either side, and how that is noticed."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from somersault.domain.roles import Identity
from somersault.errors import ConfigError, SomersaultError, UnavailableError
from somersault.rpc import bind, call, create_server, open_channel, translated_errors
from somersault.rpc.tls.connections import Connections
from somersault.rpc.tls.folder import open_folder
from somersault.rpc.tls.server import mutual_tls
from somersault.runtime.app import serve
from somersault.v1 import learner_pb2, learner_pb2_grpc
from tests.certificates import Authority
from tests.somersault.rpc.tls.servers import (
    Everything,
    EverythingConfig,
    call_method,
    events,
    refusal_of,
    serving,
)

_WHO_AM_I = "/somersault.v1.LabelerService/WhoAmI"
_HANDSHAKE_BYTES = b"\x16\x03\x01"  # a TLS record that says nothing more


def _leaf(authority: Authority, other: Authority, kind: str) -> tuple[bytes, bytes] | None:
    return {
        "expired": lambda: authority.leaf("owner", days=-1),
        "of another authority": lambda: other.leaf("owner"),
        "none": lambda: None,
    }[kind]()


def _count(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


async def _status(channel: grpc.aio.Channel) -> SomersaultError | None:
    try:
        await call_method(channel, _WHO_AM_I)
    except SomersaultError as error:
        return error
    return None


@pytest.mark.parametrize("kind", ["expired", "of another authority", "none"])
async def test_a_server_refuses_a_bad_certificate(tmp_path: Path, kind: str) -> None:
    """A hostile caller, that checks nothing itself, gets through no handshake."""
    authority = Authority()
    leaf = _leaf(authority, Authority("another"), kind)
    async with serving(authority.write(tmp_path / "server", "labeler")) as served:
        shown = () if leaf is None else (leaf[1], leaf[0])
        credentials = grpc.ssl_channel_credentials(authority.pem, *shown)
        options = [("grpc.ssl_target_name_override", "labeler")]
        async with grpc.aio.secure_channel(served.address, credentials, options=options) as channel:
            assert isinstance(await _status(channel), UnavailableError)
        assert not served.application.served


async def test_a_server_refuses_what_is_not_encrypted(tmp_path: Path) -> None:
    """Neither gRPC without TLS nor any other bytes."""
    async with serving(Authority().write(tmp_path / "server", "labeler")) as served:
        assert isinstance(await refusal_of(served.address, None), UnavailableError)
        assert not served.application.served


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_names_and_both_kinds_of_addresses_can_be_dialled(tmp_path: Path, host: str) -> None:
    """At an address the certificate names the service, at a name the name."""
    authority = Authority()
    server = authority.write(tmp_path / "server", "labeler")
    owner = authority.write(tmp_path / "owner", "owner")
    async with serving(server, host="::1" if host == "::1" else "127.0.0.1") as served:
        address = f"localhost:{served.port}" if host == "localhost" else served.address
        assert await refusal_of(address, owner) is None


@pytest.mark.parametrize("kind", ["another authority's", "another service", "another name"])
async def test_a_client_refuses_a_server_that_is_not_whom_it_dials(tmp_path: Path, kind: str) -> None:
    """It shows nothing to it, counts it and logs it once."""
    authority, other = Authority(), Authority("another")
    owner = authority.write(tmp_path / "owner", "owner")
    if kind == "another authority's":
        server = other.write(tmp_path / "server", "labeler")
    else:
        server = authority.write(
            tmp_path / "server", "simulator" if kind == "another service" else "labeler", names=["elsewhere"]
        )
    before = _count("somersault_rpc_distrusted_calls_total")
    with capture_logs() as lines:
        async with serving(server) as served:
            address = f"localhost:{served.port}" if kind == "another name" else served.address
            assert isinstance(await refusal_of(address, owner), UnavailableError)
            assert not served.application.served
    assert _count("somersault_rpc_distrusted_calls_total") > before
    assert len(events(lines, "peer_not_trusted")) == 1


async def test_a_client_with_certificates_talks_to_nobody_without(tmp_path: Path) -> None:
    """A server that isn't encrypted could be anyone's."""
    owner = Authority().write(tmp_path / "owner", "owner")
    async with serving(None) as served:
        assert isinstance(await refusal_of(served.address, owner), UnavailableError)


async def test_connections_that_come_to_nothing_are_counted_and_logged() -> None:
    """One without a call is; one with calls is not, however many it made."""
    connections, before = Connections(), _count("somersault_rpc_failed_connections_total")
    with capture_logs() as lines:
        report = asyncio.create_task(connections.report(interval_s=0.02))
        for _ in range(3):
            connections.began()
        connections.called("ipv4:127.0.0.1:1")
        connections.called("ipv4:127.0.0.1:1")
        await asyncio.sleep(0.2)
        connections.began()
        connections.called("ipv4:127.0.0.1:2")
        await asyncio.sleep(0.1)
        report.cancel()
    assert [line["number"] for line in events(lines, "connections_failed")] == [2]
    assert _count("somersault_rpc_failed_connections_total") == before + 2


async def test_a_server_counts_the_connections_of_strangers(tmp_path: Path) -> None:
    """By the connections that reach its port and make no call."""
    authority = Authority()
    before = _count("somersault_rpc_connections_total")
    async with serving(authority.write(tmp_path / "server", "labeler")) as served:
        owner = authority.write(tmp_path / "owner", "owner")
        assert await refusal_of(served.address, owner) is None
        assert await refusal_of(served.address, None) is not None
        begun = _count("somersault_rpc_connections_total") - before
        assert begun >= 2
        with socket.create_connection(("127.0.0.1", served.port)) as silent:
            silent.sendall(_HANDSHAKE_BYTES)
            await asyncio.sleep(0.1)
        assert _count("somersault_rpc_connections_total") - before == begun + 1


async def test_health_is_told_without_a_certificate_at_its_own_port_alone(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    """Probes have none; at the other port they are refused, and at this one nothing else is served."""
    server = Authority().write(tmp_path / "server", "labeler")
    async with serving(server, health_port=unused_tcp_port) as served:
        async with open_channel(f"127.0.0.1:{unused_tcp_port}") as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            for name in ("", "somersault.v1.LearnerService"):
                reply = await call(check, health_pb2.HealthCheckRequest(service=name), timeout_s=5)
                assert reply.status == health_pb2.HealthCheckResponse.SERVING
            with pytest.raises(SomersaultError, match=r"not found|does not have"):
                await call_method(channel, _WHO_AM_I)
        async with open_channel(served.address) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            with pytest.raises(UnavailableError):
                await call(check, health_pb2.HealthCheckRequest(), timeout_s=5)
        assert not served.application.served


async def test_services_of_the_run_may_ask_for_health(tmp_path: Path) -> None:
    """Whichever they are; another run's may not."""
    authority = Authority()
    async with serving(authority.write(tmp_path / "server", "labeler")) as served:
        simulator = authority.write(tmp_path / "simulator", "simulator")
        async with open_channel(served.address, certificates=simulator, peer=Identity.LABELER) as channel:
            reply = await call(
                health_pb2_grpc.HealthStub(channel).Check, health_pb2.HealthCheckRequest(), timeout_s=5
            )
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
        other = authority.write(tmp_path / "other", "simulator", prefix="spiffe://somersault.test/other/")
        async with open_channel(
            served.address, certificates=other, peer=Identity.LABELER, has_own_connection=True
        ) as channel:
            with pytest.raises(SomersaultError, match="for no one of this run"):
                await call(
                    health_pb2_grpc.HealthStub(channel).Check, health_pb2.HealthCheckRequest(), timeout_s=5
                )


async def test_nothing_else_is_encrypted_or_asked_without_certificates() -> None:
    """One machine, no certificates: as before, and the log says so."""
    with capture_logs() as lines:
        async with serving(None) as served:
            assert await refusal_of(served.address, None) is None
    assert events(lines, "not_encrypted")


async def test_a_server_with_another_services_certificate_does_not_start(tmp_path: Path) -> None:
    """It would be refused by all who dial it."""
    server = Authority().write(tmp_path / "server", "simulator")

    class LearnerLike(EverythingConfig):
        identity = Identity.LEARNER

    with pytest.raises(
        ConfigError, match=r"tls\.crt is 'spiffe://.*/simulator', must be one that ends in learner"
    ):
        await serve(Everything(), LearnerLike(certificates_path=server), stopped=asyncio.Event())


async def test_a_stream_over_a_connection_that_became_too_old_ends_as_any_that_is_cut(
    tmp_path: Path, monkeypatch
) -> None:
    """And calls go on over the next connection."""
    monkeypatch.setattr("somersault.rpc.limits.CONNECTION_END_S", 0.3)
    authority = Authority()
    owner = authority.write(tmp_path / "owner", "owner")

    class Endless(learner_pb2_grpc.LearnerServiceServicer):
        async def WatchProgress(self, request, context):
            while True:
                yield learner_pb2.Progress()
                await asyncio.sleep(0.02)

    folder = open_folder(authority.write(tmp_path / "server", "learner"))
    tls = mutual_tls(folder, identity=Identity.LEARNER)
    server = create_server([tls.authorization], max_connection_age_s=1.0)
    learner_pb2_grpc.add_LearnerServiceServicer_to_server(Endless(), server)
    port = bind(server, host="127.0.0.1", port=0, credentials=tls.credentials)
    await server.start()
    async with open_channel(f"127.0.0.1:{port}", certificates=owner, peer=Identity.LEARNER) as channel:
        stub = learner_pb2_grpc.LearnerServiceStub(channel)
        for _ in range(2):
            with pytest.raises(UnavailableError), translated_errors():
                async for _ in stub.WatchProgress(learner_pb2.WatchProgressRequest()):
                    pass
    await server.stop(None)
