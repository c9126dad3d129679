"""What every operation on an S3 store does while its network or the server fails, and afterwards: a real store behind a proxy."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from somersault.errors import CorruptDataError, NotFoundError, SomersaultError, UnavailableError
from somersault.storage import ObjectStore
from somersault.storage.s3 import S3Store
from somersault.storage.s3_errors import Place
from tests.faults.proxy import Mode, Proxy

WHOLE = random.Random(1).randbytes(500_000)
OTHER = WHOLE[::-1]
BOUND_S = 6.0
"""Three tries of 0.3 s without a packet or 1 s in all, and what is waited between them, on a busy machine."""
HEALED_S = 5.0
NUM_FLIPS = 25

Operation = Callable[[ObjectStore], Any]
OPERATIONS: dict[str, Operation] = {
    "put": lambda store: store.put("new", WHOLE),
    "replace": lambda store: store.put("other", OTHER),
    "get": lambda store: store.get("kept"),
    "exists": lambda store: store.exists("kept"),
    "list": lambda store: list(store.list("")),
    "delete": lambda store: store.delete("going"),
    "check": lambda store: store.check(),
}


class FaultyEdge(Proxy):
    """The edge to the store; it can also cut an upload in its middle, and flip a bit of all that comes back."""

    is_cut_in_uploads = False
    bytes_per_s = 0.0
    chunks_to_damage = 0
    """Which of the next chunks that come back has one bit flipped, from 1."""

    def damage(self, seed: int) -> None:
        """Flip one bit of what comes back next."""
        self._random = random.Random(seed)
        self.chunks_to_damage = self._random.choice([1, 1, 2, 3])

    async def _hold(self, chunk: bytes) -> None:
        if self.is_cut_in_uploads and b" HTTP/1.1\r\n" not in chunk and len(chunk) > 20_000:
            raise ConnectionResetError
        if self.bytes_per_s:
            await asyncio.sleep(len(chunk) / self.bytes_per_s)
        await super()._hold(chunk)

    def _damaged(self, chunk: bytes) -> bytes:
        self.chunks_to_damage -= 1
        if self.chunks_to_damage != 0:
            return chunk
        damaged = bytearray(chunk)
        damaged[self._random.randrange(len(damaged))] ^= 1 << self._random.randrange(8)
        return bytes(damaged)


class Edge:
    """A proxy in a thread of its own, and a store beyond it."""

    def __init__(self, server: Any, bucket: str) -> None:
        """Start both."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.proxy = FaultyEdge(server.port)
        self._run(self.proxy.start())
        self.store = S3Store(
            Place(host=f"127.0.0.1:{self.proxy.port}", bucket=bucket, is_secure=False),
            access_key=server.access_key,
            secret_key=server.secret_key,
            create_bucket=True,
            read_timeout_s=0.3,
            try_timeout_s=1.0,
        )

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def set(self, mode: Mode, **more: Any) -> None:
        """Change what happens to open and new connections."""

        async def change() -> None:
            for name, value in more.items():
                setattr(self.proxy, name, value)
            self.proxy.set(mode)

        self._run(change())

    def damage(self, seed: int) -> None:
        """Flip one bit of what comes back next."""
        self.proxy.damage(seed)
        self.set("flip")

    def close(self) -> None:
        """Stop the proxy."""
        self._run(self.proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def edge(rclone: Any, request: pytest.FixtureRequest) -> Iterator[Edge]:
    """Yield an edge to a store with three objects, whose connections have been used."""
    made = Edge(rclone, f"faults-{abs(hash(request.node.name)) % 10**9}")
    try:
        for key, data in {"kept": WHOLE, "other": WHOLE, "going": b"x"}.items():
            made.store.put(key, data)
        yield made
    finally:
        made.close()


def _outcomes(store: ObjectStore) -> dict[str, tuple[object, float]]:
    """Do every operation at once; return what each returned or raised, and how long it took."""

    def do(operation: Operation) -> tuple[object, float]:
        began = time.monotonic()
        try:
            return operation(store), time.monotonic() - began
        except Exception as error:
            return error, time.monotonic() - began

    with ThreadPoolExecutor(len(OPERATIONS)) as threads:
        return dict(zip(OPERATIONS, threads.map(do, OPERATIONS.values()), strict=True))


def _check_healed(store: ObjectStore) -> None:
    """Everything works again at once, and what a failed write left is whole."""
    began = time.monotonic()
    assert store.get("kept") == WHOLE
    assert store.get("other") in (WHOLE, OTHER)
    assert store.exists("new") is False or store.get("new") == WHOLE
    for name, (outcome, _) in _outcomes(store).items():
        assert not isinstance(outcome, Exception), name
    assert store.get("new") == WHOLE
    assert store.get("other") == OTHER
    assert not store.exists("going")
    assert time.monotonic() - began < HEALED_S


@pytest.mark.parametrize("fault", ["cut", "http_503", "stall", "blackhole"])
def test_every_operation_ends_in_time_while_the_store_is_away(edge: Edge, fault: Mode) -> None:
    """As unavailable, whatever it is that doesn't answer; and works at once when it is back."""
    edge.set(fault)
    for name, (outcome, took_s) in _outcomes(edge.store).items():
        assert isinstance(outcome, UnavailableError), f"{name}: {outcome!r}"
        assert took_s < BOUND_S, name
    edge.set("pass")
    _check_healed(edge.store)


def test_slow_operations_end_in_time_and_small_ones_are_done(edge: Edge) -> None:
    """At 20 kB/s each packet comes within the timeout, but half a megabyte takes 25 s."""
    edge.set("pass", bytes_per_s=200_000.0)
    outcomes = _outcomes(edge.store)
    for name in ("put", "replace", "get"):
        outcome, took_s = outcomes[name]
        assert isinstance(outcome, UnavailableError), f"{name}: {outcome!r}"
        assert took_s < BOUND_S, name
    assert "kept" in outcomes["list"][0]  # type: ignore[operator]
    assert outcomes["exists"][0] is True
    edge.set("pass", bytes_per_s=0.0)
    _check_healed(edge.store)


def test_half_an_upload_is_never_taken_for_whole(edge: Edge) -> None:
    """The connection breaks in its middle, in each try."""
    edge.set("pass", is_cut_in_uploads=True)
    for name in ("put", "replace"):
        with pytest.raises(UnavailableError):
            OPERATIONS[name](edge.store)
    edge.set("pass", is_cut_in_uploads=False)
    with pytest.raises((NotFoundError, CorruptDataError)):
        edge.store.get("new")
    edge.store.check()
    edge.store.put("new", WHOLE)
    assert edge.store.get("new") == WHOLE


def test_flipped_bits_are_found_or_do_nothing(edge: Edge) -> None:
    """In heads and bodies, of every operation: an error of ours, or what is true; never other bytes."""
    for seed in range(NUM_FLIPS):
        for name, operation in OPERATIONS.items():
            edge.damage(seed)
            try:
                outcome = operation(edge.store)
            except SomersaultError:
                continue
            if name == "get":
                assert outcome == WHOLE, seed
    edge.set("pass")
    edge.store.put("going", b"x")
    _check_healed(edge.store)


def test_bytes_that_changed_on_the_way_once_are_read_again(edge: Edge) -> None:
    """What is whole in the store isn't taken for lost."""
    download, tries = edge.store._download, []

    def first_changed(key: str) -> tuple[bytes, str | None]:
        data, recorded = download(key)
        tries.append(key)
        return (OTHER if len(tries) == 1 else data), recorded

    edge.store._download = first_changed  # type: ignore[method-assign]
    assert edge.store.get("kept") == WHOLE
    assert len(tries) == 2
