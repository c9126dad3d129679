"""The simulator offers segments over a real stream and stores what is demanded."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from services.simulator.reward_stream import RewardStream
from services.simulator.segments.offers import Offer, OfferRing
from services.simulator.segments.recorded_segment import RecordedSegment
from somersault.domain.trajectory import Segment
from somersault.errors import UnavailableError
from somersault.rpc import bind, create_server
from somersault.storage import ObjectStore, StoredObject, open_store
from somersault.tasks import Task
from somersault.v1 import reward_pb2, reward_pb2_grpc


class _Reward(reward_pb2_grpc.RewardServiceServicer):
    """Keeps what it is offered and demands what the test puts in ``demands``."""

    def __init__(self) -> None:
        self.hellos: list[reward_pb2.OfferHello] = []
        self.offers: asyncio.Queue[reward_pb2.SegmentOffer] = asyncio.Queue()
        self.answers: asyncio.Queue[reward_pb2.SegmentsStored] = asyncio.Queue()
        self.demands: asyncio.Queue[reward_pb2.OfferSegmentsResponse] = asyncio.Queue()

    async def OfferSegments(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        self.hellos.append((await anext(request_iterator)).hello)
        reader = asyncio.create_task(self._read(request_iterator))
        try:
            while True:
                yield await self.demands.get()
        finally:
            reader.cancel()

    async def _read(self, requests: Any) -> None:
        async for request in requests:
            if request.WhichOneof("kind") == "offer":
                self.offers.put_nowait(request.offer)
            else:
                self.answers.put_nowait(request.stored)


@contextlib.asynccontextmanager
async def _serving(reward: _Reward, port: int) -> AsyncIterator[None]:
    server = create_server()
    reward_pb2_grpc.add_RewardServiceServicer_to_server(reward, server)
    bind(server, host="127.0.0.1", port=port)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


@contextlib.asynccontextmanager
async def _offering(
    task: Task, port: int, store: ObjectStore, *, max_segments: int = 100
) -> AsyncIterator[OfferRing]:
    offers = OfferRing(max_segments)
    stream = RewardStream(
        task,
        address=f"127.0.0.1:{port}",
        simulator_id="sim-0",
        incarnation="life",
        offers=offers,
        store=store,
    )
    running = asyncio.create_task(stream.run())
    try:
        yield offers
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def store() -> ObjectStore:
    """An empty object store."""
    return open_store("memory://")


def _offer(task: Task, sequence: int, *names: str) -> Offer:
    rng = np.random.default_rng(sequence)
    steps = task.segment_steps

    def make(name: str) -> RecordedSegment:
        segment = Segment(
            segment_id=name,
            observations=rng.normal(size=(steps, 11)).astype(np.float32),
            actions=rng.normal(size=(steps, 3)).astype(np.float32),
            rollout_sequence=sequence,
            policy_version=sequence,
        )
        return RecordedSegment(
            segment=segment,
            footage={"states": rng.normal(size=(steps + 1, 13))},
            true_rewards=rng.normal(size=steps).astype(np.float32),
            recent_return_mean=0.0,
            recent_return_std=1.0,
        )

    return Offer(sequence, [make(name) for name in names])


async def _names(reward: _Reward, count: int) -> list[list[str]]:
    offers = [await reward.offers.get() for _ in range(count)]
    return [[segment.segment_id for segment in offer.segments] for offer in offers]


async def test_each_rollout_is_offered_empty_ones_too(task: Task, port: int, store: ObjectStore) -> None:
    """One offer a rollout, in order, without states or true rewards."""
    reward = _Reward()
    async with _serving(reward, port), _offering(task, port, store) as offers:
        offers.add(_offer(task, 0, "a", "b"), run_id="run-1")
        offers.add(_offer(task, 1), run_id="run-1")
        offers.add(_offer(task, 2, "c"), run_id="run-1")
        assert await _names(reward, 3) == [["a", "b"], [], ["c"]]
    assert reward.hellos[0].incarnation == "life"
    assert reward.hellos[0].task.segment_steps == 188
    assert list(store.list("")) == []


async def test_demanded_segments_are_stored_and_forgotten_ones_named(
    task: Task, port: int, store: ObjectStore
) -> None:
    """Both objects of a kept segment are in the store when the answer comes."""
    reward = _Reward()
    async with _serving(reward, port), _offering(task, port, store) as offers:
        offer = _offer(task, 0, "a", "b")
        offers.add(offer, run_id="run-1")
        await _names(reward, 1)
        reward.demands.put_nowait(reward_pb2.OfferSegmentsResponse(demand_id=7, segment_ids=["b", "gone"]))
        answer = await reward.answers.get()
    assert answer.demand_id == 7
    assert list(answer.missing_segment_ids) == ["gone"]
    (stored,) = answer.segments
    assert stored.segment_id == "b"
    assert stored.duration_s == pytest.approx(188 * 0.008)
    assert list(store.list("")) == ["run-1/sealed/b.safetensors", "run-1/segments/b.safetensors"]
    arrays = safetensors.numpy.load(store.get(stored.segment_uri))
    np.testing.assert_array_equal(arrays["states"], offer.segments[1].footage["states"])
    sealed = safetensors.numpy.load(store.get(stored.sealed_uri))
    np.testing.assert_array_equal(sealed["true_rewards"], offer.segments[1].true_rewards)


async def test_reward_service_that_comes_back_is_offered_all_that_is_kept(
    task: Task, port: int, store: ObjectStore
) -> None:
    """What was offered before, what came while it was away, and nothing beyond the bound."""
    async with _offering(task, port, store, max_segments=3) as offers:
        first, second = _Reward(), _Reward()
        async with _serving(first, port):
            offers.add(_offer(task, 0, "a", "b"), run_id="run-1")
            assert await _names(first, 1) == [["a", "b"]]
        offers.add(_offer(task, 1, "c"), run_id="run-1")
        offers.add(_offer(task, 2, "d"), run_id="run-1")
        async with _serving(second, port):
            assert await _names(second, 2) == [["c"], ["d"]]
            offers.add(_offer(task, 3, "e"), run_id="run-1")
            assert await _names(second, 1) == [["e"]]


async def test_segments_of_another_run_are_forgotten(task: Task, port: int, store: ObjectStore) -> None:
    """A new run's reward service must not learn from the old run."""
    reward = _Reward()
    async with _offering(task, port, store) as offers:
        offers.add(_offer(task, 5, "old"), run_id="run-1")
        offers.add(_offer(task, 6, "new"), run_id="run-2")
        async with _serving(reward, port):
            assert await _names(reward, 1) == [["new"]]


class _AwayStore:
    """A store that can't be reached the first times it is asked."""

    def __init__(self, store: ObjectStore, *, num_failures: int) -> None:
        self._store, self._num_failures = store, num_failures

    def put(self, key: str, data: bytes) -> StoredObject:
        if self._num_failures:
            self._num_failures -= 1
            raise UnavailableError("the store is away")
        return self._store.put(key, data)


async def test_demand_is_answered_once_the_store_is_back(task: Task, port: int, store: ObjectStore) -> None:
    """The simulator tries again; the reward service need not ask twice."""
    reward = _Reward()
    away: Any = _AwayStore(store, num_failures=2)
    async with _serving(reward, port), _offering(task, port, away) as offers:
        offers.add(_offer(task, 0, "a"), run_id="run-1")
        await _names(reward, 1)
        reward.demands.put_nowait(reward_pb2.OfferSegmentsResponse(demand_id=1, segment_ids=["a"]))
        answer = await reward.answers.get()
    assert [stored.segment_id for stored in answer.segments] == ["a"]
    assert store.exists("run-1/sealed/a.safetensors")
