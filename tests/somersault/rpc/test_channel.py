"""Calls against a real server that comes, goes, refuses and fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest

from somersault.errors import (
    ConfigError,
    InvalidInputError,
    LeaseExpiredError,
    ResourceExhaustedError,
    SomersaultError,
    UnavailableError,
)
from somersault.rpc import bind, call, create_server, limits, open_channel, translated_errors
from somersault.v1 import labeler_pb2, labeler_pb2_grpc, learner_pb2, learner_pb2_grpc


class Labeler(labeler_pb2_grpc.LabelerServiceServicer):
    """Answers with the caller's token, or raises what it was given."""

    def __init__(self, error: Exception | None = None, *, delay_s: float = 0.0) -> None:
        self.error = error
        self.delay_s = delay_s

    async def WhoAmI(self, request: labeler_pb2.WhoAmIRequest, context: grpc.aio.ServicerContext):
        """Return the token back as a name."""
        await asyncio.sleep(self.delay_s)
        if self.error:
            raise self.error
        metadata = dict(context.invocation_metadata())
        return labeler_pb2.WhoAmIResponse(name=metadata.get("authorization", "nobody"))

    async def WatchPreferences(self, request, context):
        """Yield the token once, then raise what it was given."""
        metadata = dict(context.invocation_metadata())
        yield labeler_pb2.WatchPreferencesResponse(
            records=[{"labeler_id": metadata.get("authorization", "nobody")}]
        )
        if self.error:
            raise self.error


class Learner(learner_pb2_grpc.LearnerServiceServicer):
    """Echoes a token over a bidirectional stream."""

    async def Collect(self, request_iterator, context):
        """Answer the first request with the token."""
        async for _ in request_iterator:
            metadata = dict(context.invocation_metadata())
            yield learner_pb2.CollectResponse(welcome={"run_id": metadata["authorization"]})


async def serve(labeler: Labeler, *, port: int = 0) -> tuple[grpc.aio.Server, int]:
    """Start a real server."""
    server = create_server()
    labeler_pb2_grpc.add_LabelerServiceServicer_to_server(labeler, server)
    learner_pb2_grpc.add_LearnerServiceServicer_to_server(Learner(), server)
    port = bind(server, host="127.0.0.1", port=port)
    await server.start()
    return server, port


@pytest.fixture
async def labeler() -> AsyncIterator[tuple[Labeler, str]]:
    """A servicer and its address."""
    servicer = Labeler()
    server, port = await serve(servicer)
    yield servicer, f"127.0.0.1:{port}"
    await server.stop(None)


async def who_am_i(address: str, *, token: str | None = None, **options: float) -> str:
    """Ask once."""
    async with open_channel(address, token=token) as channel:
        stub = labeler_pb2_grpc.LabelerServiceStub(channel)
        response = await call(stub.WhoAmI, labeler_pb2.WhoAmIRequest(), **{"timeout_s": 5.0, **options})
        return str(response.name)


async def test_token_is_sent_with_unary_calls(labeler: tuple[Labeler, str]) -> None:
    """A channel with a token shows it, one without shows nothing."""
    assert await who_am_i(labeler[1], token="secret") == "Bearer secret"
    assert await who_am_i(labeler[1]) == "nobody"


async def test_token_is_sent_with_streams(labeler: tuple[Labeler, str]) -> None:
    """Response streams and bidirectional streams show it too."""
    async with open_channel(labeler[1], token="secret") as channel:
        watch = labeler_pb2_grpc.LabelerServiceStub(channel).WatchPreferences(
            labeler_pb2.WatchPreferencesRequest()
        )
        assert [row.records[0].labeler_id async for row in watch] == ["Bearer secret"]
        collect = learner_pb2_grpc.LearnerServiceStub(channel).Collect(iter([learner_pb2.CollectRequest()]))
        assert [row.welcome.run_id async for row in collect] == ["Bearer secret"]


@pytest.mark.parametrize(
    "error", [InvalidInputError("count", 11, "1 to 10"), ResourceExhaustedError("too many leases")]
)
async def test_domain_error_crosses_the_wire(labeler: tuple[Labeler, str], error: SomersaultError) -> None:
    """The client raises what the server raised, with its text."""
    labeler[0].error = error
    with pytest.raises(type(error), match=str(error)):
        await who_am_i(labeler[1])


async def test_error_arrives_as_its_parent_where_statuses_are_shared(
    labeler: tuple[Labeler, str],
) -> None:
    """An ended lease is FAILED_PRECONDITION to the client."""
    labeler[0].error = LeaseExpiredError("lease ended")
    with pytest.raises(LeaseExpiredError.__mro__[1], match="lease ended"):
        await who_am_i(labeler[1])


async def test_unknown_error_is_sent_without_detail(labeler: tuple[Labeler, str]) -> None:
    """What a bug says may hold secrets and stays in the log."""
    labeler[0].error = RuntimeError("password is swordfish")
    with pytest.raises(SomersaultError) as raised:
        await who_am_i(labeler[1])
    assert "swordfish" not in str(raised.value)


async def test_error_in_a_stream_comes_after_what_was_sent(labeler: tuple[Labeler, str]) -> None:
    """A stream gives its rows and then raises."""
    labeler[0].error = ResourceExhaustedError("enough")
    rows = []
    async with open_channel(labeler[1]) as channel:
        stub = labeler_pb2_grpc.LabelerServiceStub(channel)
        with pytest.raises(ResourceExhaustedError, match="enough"), translated_errors():  # noqa: PT012
            async for row in stub.WatchPreferences(labeler_pb2.WatchPreferencesRequest()):
                rows.append(row)  # noqa: PERF401 - those before the error count
    assert len(rows) == 1


async def test_deadline_is_unavailable(labeler: tuple[Labeler, str]) -> None:
    """A peer that does not answer in time may answer later."""
    labeler[0].delay_s = 10.0
    with pytest.raises(UnavailableError):
        await who_am_i(labeler[1], timeout_s=0.2)


async def test_absent_peer_is_unavailable_at_once_without_retry() -> None:
    """Nobody listens and nobody asked to wait."""
    server, port = await serve(Labeler())
    await server.stop(None)
    with pytest.raises(UnavailableError):
        await who_am_i(f"127.0.0.1:{port}")


async def test_call_goes_on_until_the_peer_is_back() -> None:
    """With time to retry, a restart is not noticed."""
    server, port = await serve(Labeler())
    await server.stop(None)
    asking = asyncio.create_task(who_am_i(f"127.0.0.1:{port}", retry_for_s=20.0))
    await asyncio.sleep(0.3)
    server, _ = await serve(Labeler(), port=port)
    assert await asking == "nobody"
    await server.stop(None)


async def test_refusal_is_not_retried(labeler: tuple[Labeler, str]) -> None:
    """Only absence is waited for."""
    labeler[0].error = InvalidInputError("count", 11, "1 to 10")
    async with asyncio.timeout(5):
        with pytest.raises(InvalidInputError):
            await who_am_i(labeler[1], retry_for_s=60.0)


async def test_call_cut_by_shutdown_is_unavailable() -> None:
    """A server that stops in mid-call says so, and nobody takes it for their own cancellation."""
    server, port = await serve(Labeler(delay_s=30.0))
    asking = asyncio.create_task(who_am_i(f"127.0.0.1:{port}", timeout_s=60.0))
    await asyncio.sleep(0.3)
    await server.stop(None)
    with pytest.raises(UnavailableError):
        await asking


async def test_busy_port_is_a_clear_error() -> None:
    """Two servers never share a port."""
    server, port = await serve(Labeler())
    with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 can't be used"):
        bind(create_server(), host="127.0.0.1", port=port)
    await server.stop(None)


async def test_message_over_the_bound_is_refused(labeler: tuple[Labeler, str]) -> None:
    """Past the bound comes an error of ours, and the next call is fine."""
    async with open_channel(labeler[1]) as channel:
        stub = labeler_pb2_grpc.LabelerServiceStub(channel)
        request = labeler_pb2.CreateRunRequest(question="x" * (limits.MAX_MESSAGE_BYTES + 1))
        with pytest.raises(ResourceExhaustedError):
            await call(stub.CreateRun, request, timeout_s=30.0)
        response = await call(stub.WhoAmI, labeler_pb2.WhoAmIRequest(), timeout_s=5.0)
        assert response.name == "nobody"


@pytest.mark.parametrize(
    "error",
    [
        InvalidInputError("count", 11, "1 to 10"),
        InvalidInputError("of the stream before").again(),
        UnavailableError("away"),
        UnavailableError("not installed").never(),
        RuntimeError("no domain error"),
    ],
    ids=str,
)
async def test_whether_to_try_again_crosses_the_wire(labeler: tuple[Labeler, str], error: Exception) -> None:
    """The error's own word, beside the status; of unary calls and streams alike."""
    servicer, address = labeler
    servicer.error = error
    expected = isinstance(error, SomersaultError) and error.is_hopeless
    with pytest.raises(SomersaultError) as unary:
        await who_am_i(address)
    assert unary.value.is_hopeless is expected
    async with open_channel(address) as channel:
        stub = labeler_pb2_grpc.LabelerServiceStub(channel)
        with pytest.raises(SomersaultError) as streamed, translated_errors():
            async for _ in stub.WatchPreferences(labeler_pb2.WatchPreferencesRequest()):
                pass
    assert streamed.value.is_hopeless is expected


async def test_what_never_succeeds_is_called_once(labeler: tuple[Labeler, str]) -> None:
    """An unavailable peer that says never is not called again for as long as a call may be retried."""
    servicer, address = labeler
    servicer.error = UnavailableError("not installed").never()
    async with asyncio.timeout(5.0):
        with pytest.raises(UnavailableError):
            await who_am_i(address, retry_for_s=60.0)
