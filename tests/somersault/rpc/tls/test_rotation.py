"""Certificates that are replaced while calls are made: none waits, none fails."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Self

import grpc.aio
import pytest
from structlog.testing import capture_logs

from somersault.domain.roles import Identity
from somersault.errors import SomersaultError
from somersault.rpc import open_channel
from somersault.rpc.tls import folder as folder_module
from somersault.rpc.tls.folder import open_folder
from tests.certificates import PREFIX, Authority, replace_files
from tests.somersault.rpc.tls.servers import call_method, events, refusal_of, serving

_WHO_AM_I = "/somersault.v1.LabelerService/WhoAmI"
_WATCH = "/somersault.v1.LearnerService/WatchProgress"


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    monkeypatch.setattr(folder_module, "POLL_S", 0.02)


class _Load:
    """Calls all the time, over channels that stay open, and counts what fails."""

    def __init__(self, address: str, certificates: Path) -> None:
        self.num_calls = 0
        self.failures: list[SomersaultError] = []
        self._address = address
        self._certificates = certificates
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._go_on()) for _ in range(3)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def some(self, number: int = 60) -> None:
        """Wait for that many more calls."""
        goal = self.num_calls + number
        async with asyncio.timeout(20):
            while self.num_calls < goal:
                await asyncio.sleep(0.01)

    async def _go_on(self) -> None:
        async with open_channel(
            self._address, certificates=self._certificates, peer=Identity.LABELER, has_own_connection=True
        ) as channel:
            while True:
                for path in (_WHO_AM_I, _WATCH):
                    try:
                        await call_method(channel, path)
                    except SomersaultError as error:
                        self.failures.append(error)
                    self.num_calls += 1


async def _taken(*paths: Path) -> None:
    """Wait until those who watch the folders have taken what is there."""
    async with asyncio.timeout(20):
        for path in paths:
            while (path / "tls.crt").read_bytes() != open_folder(path).current.chain:
                await asyncio.sleep(0.01)
            while (path / "ca.crt").read_bytes() != open_folder(path).current.authorities:
                await asyncio.sleep(0.01)


async def test_leaves_and_authority_are_replaced_under_load_without_a_failed_call(tmp_path: Path) -> None:
    """In the order that the documents give: trust both, show the new, trust the new alone."""
    old, new = Authority("old"), Authority("new")
    server, owner = old.write(tmp_path / "server", "labeler"), old.write(tmp_path / "owner", "owner")
    with capture_logs() as lines:
        async with serving(server) as served, _Load(served.address, owner) as load:
            await load.some()
            old.write(server, "labeler")
            old.write(owner, "owner")
            await _taken(server, owner)
            await load.some()
            for folder in (server, owner):
                replace_files(folder, {"ca.crt": old.pem + new.pem})
            await _taken(server, owner)
            await load.some()
            new.write(server, "labeler", trusted=(old, new))
            new.write(owner, "owner", trusted=(old, new))
            await _taken(server, owner)
            await load.some()
            for folder in (server, owner):
                replace_files(folder, {"ca.crt": new.pem})
            await _taken(server, owner)
            await load.some()
            assert not load.failures
            # The old authority's are refused now, and the new one's were really in use.
            late = old.write(tmp_path / "late", "owner", trusted=(old, new))
            assert await refusal_of(served.address, late) is not None
            assert await refusal_of(served.address, new.write(tmp_path / "new", "owner")) is None
            assert not load.failures
    replaced = [line["expiry"] for line in events(lines, "channel_replaced")]
    assert len(replaced) >= 3 * 4  # three channels, four times


async def test_a_new_channel_is_made_before_the_old_one_ends(tmp_path: Path) -> None:
    """Files that the server doesn't take yet change nothing for a caller whose connection stands."""
    old, new = Authority("old"), Authority("new")
    server, owner = old.write(tmp_path / "server", "labeler"), old.write(tmp_path / "owner", "owner")
    async with serving(server) as served, _Load(served.address, owner) as load:
        await load.some()
        new.write(owner, "owner", trusted=(old, new))
        await _taken(owner)
        await load.some()
        assert not load.failures
        replace_files(server, {"ca.crt": old.pem + new.pem})
        await _taken(server)
        await load.some()
        assert not load.failures


async def test_a_call_that_is_open_ends_where_it_began(tmp_path: Path) -> None:
    """A stream outlives the certificates that it was opened with."""
    authority = Authority()
    server, owner = authority.write(tmp_path / "server", "labeler"), authority.write(tmp_path / "o", "owner")
    async with (
        serving(server) as served,
        open_channel(served.address, certificates=owner, peer=Identity.LABELER) as channel,
    ):
        collect = channel.stream_stream(
            "/somersault.v1.RewardService/WatchRewardModel",
            request_serializer=lambda data: data,
            response_deserializer=lambda data: data,
        )
        # A write on a connection that is still being made may lose its status.
        await call_method(channel, _WHO_AM_I)
        stream = collect()
        await stream.write(b"")
        assert await stream.read() == b""
        authority.write(owner, "owner")
        await _taken(owner)
        for _ in range(5):
            await call_method(channel, _WHO_AM_I)
        await stream.done_writing()
        assert await stream.read() is grpc.aio.EOF


@pytest.mark.parametrize("kind", ["half written", "garbage", "expired", "another service's", "gone"])
async def test_files_that_cannot_be_used_are_not_taken(tmp_path: Path, kind: str) -> None:
    """What was good goes on, and the log says once why the new ones are not used; good ones are then taken."""
    authority = Authority()
    server, owner = authority.write(tmp_path / "server", "labeler"), authority.write(tmp_path / "o", "owner")
    with capture_logs() as lines:
        async with serving(server) as served:
            before = open_folder(server).current
            if kind == "half written":
                replace_files(server, {"tls.crt": authority.leaf("labeler")[0]})
            elif kind == "garbage":
                replace_files(server, {"tls.crt": b"no certificate"})
            elif kind == "gone":
                (server / "ca.crt").unlink()
            else:
                word, days = ("labeler", -1) if kind == "expired" else ("simulator", 1)
                authority.write(server, word, days=days)
            await asyncio.sleep(0.3)
            assert open_folder(server).current is before
            assert await refusal_of(served.address, owner) is None
            authority.write(server, "labeler")
            await _taken(server)
            assert await refusal_of(served.address, owner) is None
    details = [line["detail"] for line in events(lines, "certificates_not_taken")]
    assert details
    assert len(details) == len(set(details))


async def test_a_folder_nobody_uses_is_watched_no_more(tmp_path: Path) -> None:
    """Channels come and go for as long as a service lives."""
    path = Authority().write(tmp_path / "owner", "owner", prefix=PREFIX)
    reference = weakref.ref(open_folder(path))
    await asyncio.sleep(0.1)
    gc.collect()
    assert reference() is None
