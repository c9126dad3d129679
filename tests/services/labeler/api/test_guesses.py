"""Attempts to guess a token: each answer takes longer than the one before, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import prometheus_client
import pytest
from structlog.testing import capture_logs

from services.labeler.api.guesses import Guesses
from somersault import rpc
from somersault.domain.roles import Identity, Role
from somersault.errors import ResourceExhaustedError, UnauthenticatedError
from somersault.rpc.peers import PEER_KEY
from somersault.v1 import labeler_pb2 as pb
from tests.certificates import Authority
from tests.services.labeler.running import TOKENS, RunningLabeler, refused, running_labeler

WHO_AM_I = "/somersault.v1.LabelerService/WhoAmI"
LEASE_QUERIES = "/somersault.v1.LabelerService/LeaseQueries"
WRONG = "nobody's-token-0123456789"


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept: list[float] = []

    def time(self) -> float:
        """Return the seconds since some moment."""
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.slept.append(seconds)
        self.now_s += seconds


async def _wrong(
    channel: Any,
    *,
    said: str = "",
    token: str = WRONG,
    path: str = WHO_AM_I,
    scheme: str = "Bearer",
    timeout_s: float = 20,
) -> tuple[grpc.StatusCode, float]:
    """Call with a wrong token; return the status and how long it took, in seconds."""
    metadata = [("authorization", f"{scheme} {token}"), *([(PEER_KEY, said)] if said else [])]
    began = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(path)(b"", metadata=metadata, timeout=timeout_s)
    return caught.value.code(), time.monotonic() - began


async def _num_slowed(channel: Any, said: Sequence[str]) -> int:
    """Send wrong tokens, one after another, as if on behalf of these addresses; return how many had to wait."""
    before = _counted("delayed")
    for address in said:
        status, _ = await _wrong(channel, said=address, path=LEASE_QUERIES)
        assert status is grpc.StatusCode.UNAUTHENTICATED
    return round(_counted("delayed") - before)


async def test_wrong_tokens_take_longer_and_longer_and_a_right_one_does_not(labeler: RunningLabeler) -> None:
    """From one address, one after another, while the right one is asked for all the time."""
    statuses, taken = [], []
    for number in range(9):
        guess = asyncio.create_task(_wrong(labeler.channel()))
        await labeler.as_role(Role.OWNER).WhoAmI(pb.WhoAmIRequest())
        assert number < 8 or not guess.done(), "the ninth waits for 0.8 s"
        status, took = await guess
        statuses.append(status)
        taken.append(took)
    assert set(statuses) == {grpc.StatusCode.UNAUTHENTICATED}
    least = [0, 0, 0, 0, 0, 0.1, 0.2, 0.4, 0.8]
    assert all(took >= bound for took, bound in zip(taken, least, strict=True)), taken


@pytest.mark.parametrize(
    ("scheme", "token", "path"),
    [
        ("Session", "run-1/0123456789", WHO_AM_I),
        ("Bearer", "nobody's", "/somersault.v1.LabelerService/GetStats"),
    ],
)
async def test_sessions_and_every_rpc_are_guessed_as_slowly(
    labeler: RunningLabeler, scheme: str, token: str, path: str
) -> None:
    """Not only tokens, and not only where one logs in."""
    taken = [(await _wrong(labeler.channel(), scheme=scheme, token=token, path=path))[1] for _ in range(7)]
    assert taken[-2] >= 0.1
    assert taken[-1] >= 0.2


async def test_a_missing_token_is_no_guess(labeler: RunningLabeler) -> None:
    """It is refused at once, however often."""
    began = time.monotonic()
    for _ in range(12):
        assert isinstance(
            await refused(labeler.as_token(None).WhoAmI(pb.WhoAmIRequest())), UnauthenticatedError
        )
    assert time.monotonic() - began < 5  # of guesses the last one alone would take 5 s


async def test_a_caller_with_a_time_limit_still_learns_why(labeler: RunningLabeler) -> None:
    """A tool with an old token is told that it is unknown, not that the labeler is slow."""
    for _ in range(9):
        await _wrong(labeler.channel())
    status, took = await _wrong(labeler.channel(), timeout_s=1.4)  # it would be 1.6 s
    assert status is grpc.StatusCode.UNAUTHENTICATED
    assert took < 1.4


async def test_thirty_take_over_a_minute_and_are_forgotten() -> None:
    """From the sixth on twice as long each, up to five seconds; ten minutes later it begins anew."""
    clock = Clock()
    guesses = Guesses(clock=clock.time, sleep=clock.sleep)
    for _ in range(30):
        await guesses.slow("192.0.2.1")
    assert clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2] + [5.0] * 19
    clock.now_s += 601
    await guesses.slow("192.0.2.1")
    assert len(clock.slept) == 25


async def test_others_addresses_are_not_slowed() -> None:
    """Each has its own count; of IPv6, all of a network's have one."""
    clock = Clock()
    guesses = Guesses(clock=clock.time, sleep=clock.sleep)
    for number in range(9):
        await guesses.slow(f"192.0.2.{number}")
    assert not clock.slept
    for number in range(9):
        await guesses.slow(f"2001:db8::{number}")
    assert len(clock.slept) == 4


async def test_a_hundred_thousand_addresses_take_bounded_memory_and_log_lines() -> None:
    """The oldest are forgotten, and of lines there are a hundred a minute."""
    clock = Clock()
    first = int(ipaddress.IPv4Address("10.0.0.0"))
    guesses = Guesses(clock=clock.time, sleep=clock.sleep)
    addresses = [str(ipaddress.IPv4Address(first + number)) for number in range(100_000)]
    with capture_logs() as lines:
        for address in addresses:
            await guesses.slow(address)
    assert guesses.num_remembered <= 10_000
    assert 1 <= len(lines) <= 100


async def test_so_many_may_wait_and_no_more() -> None:
    """Of one address and in all; the next is refused at once, and who gives up makes room."""
    held = asyncio.Event()

    async def hold(_seconds: float) -> None:
        await held.wait()

    guesses = Guesses(sleep=hold, max_waiting=6, max_waiting_of_one=4)

    async def waiting(address: str, number: int) -> list[asyncio.Task[None]]:
        for _ in range(5):
            await guesses.slow(address)
        tasks = [asyncio.create_task(guesses.slow(address)) for _ in range(number)]
        await asyncio.sleep(0)
        return tasks

    of_one = await waiting("192.0.2.1", 5)
    with pytest.raises(ResourceExhaustedError, match="4"):
        await of_one.pop()
    others = await waiting("192.0.2.2", 3)
    with pytest.raises(ResourceExhaustedError):
        await others.pop()
    of_one[0].cancel()
    await asyncio.sleep(0)
    others += await waiting("192.0.2.3", 1)
    assert not others[-1].done()
    held.set()
    await asyncio.gather(*of_one[1:], *others)


async def test_guesses_are_logged_once_in_a_while_with_their_number_and_counted() -> None:
    """A line a minute for each address, whose numbers add up; the metric has all."""
    clock = Clock()
    guesses = Guesses(clock=clock.time, sleep=clock.sleep)
    before = _counted("delayed")
    with capture_logs() as lines:
        for _ in range(40):
            await guesses.slow("192.0.2.1")
    assert {(line["event"], line["address"]) for line in lines} == {("unknown_tokens", "192.0.2.1")}
    assert 2 <= len(lines) <= 4
    assert sum(line["number"] for line in lines) >= 25
    assert _counted("delayed") - before == 35


async def test_no_call_with_a_wrong_token_is_logged_by_itself(labeler: RunningLabeler) -> None:
    """Whoever tries again and again fills no log."""
    with capture_logs() as lines:
        for _ in range(5):
            await _wrong(labeler.channel())
    assert [line["event"] for line in lines] == ["unknown_tokens"]


@asynccontextmanager
async def _with_certificates(folder: Path, port: int) -> AsyncIterator[tuple[RunningLabeler, Authority]]:
    authority = Authority()
    shown = authority.write(folder / "certificates" / "labeler", "labeler")
    async with running_labeler(folder, certificates_path=shown, public_port=port) as labeler:
        yield labeler, authority


async def test_an_address_is_believed_from_the_gateway_alone(tmp_path: Path, unused_tcp_port: int) -> None:
    """Others, with a certificate or without one, are known by where they call from, whatever they say."""
    many = [f"192.0.2.{number}" for number in range(8)]
    async with _with_certificates(tmp_path, unused_tcp_port) as (labeler, authority):
        for identity, slowed in ((Identity.WEB, 0), (Identity.TEACHER, 3)):
            shown = authority.write(tmp_path / "certificates" / identity, identity)
            async with rpc.open_channel(
                labeler.address, certificates=shown, peer=Identity.LABELER
            ) as channel:
                assert await _num_slowed(channel, many) == slowed
                if identity is Identity.WEB:
                    assert await _num_slowed(channel, ["198.51.100.1"] * 7) == 2
                    assert await _num_slowed(channel, ["198.51.100.2"]) == 0
        async with rpc.open_channel(f"127.0.0.1:{unused_tcp_port}") as channel:
            assert await _num_slowed(channel, ["198.51.100.3"]) == 1  # one address with the teacher


async def test_what_is_no_address_is_not_believed(tmp_path: Path, unused_tcp_port: int) -> None:
    """Such a call counts for the gateway's own."""
    async with _with_certificates(tmp_path, unused_tcp_port) as (labeler, authority):
        shown = authority.write(tmp_path / "certificates" / "web", "web")
        async with rpc.open_channel(labeler.address, certificates=shown, peer=Identity.LABELER) as channel:
            assert await _num_slowed(channel, [f"no address {number}" for number in range(7)]) == 2


async def test_nobody_is_believed_without_certificates(labeler: RunningLabeler) -> None:
    """Who says a new address each time is one address nevertheless."""
    assert await _num_slowed(labeler.channel(), [f"192.0.2.{number}" for number in range(7)]) == 2


async def test_a_right_token_is_served_while_as_many_guesses_wait_as_may(labeler: RunningLabeler) -> None:
    """Beyond those, guesses are refused at once."""
    refused_before = _counted("refused")
    guesses = [asyncio.create_task(_wrong(labeler.channel())) for _ in range(60)]
    while _counted("refused") - refused_before < 20:
        await asyncio.sleep(0.02)
    await labeler.as_token(TOKENS[Role.TEACHER]).WhoAmI(pb.WhoAmIRequest())
    assert sum(guess.done() for guess in guesses) < 60
    for guess in guesses:
        guess.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)


def _counted(outcome: str) -> float:
    name = "somersault_labeler_unknown_tokens_total"
    return prometheus_client.REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0
