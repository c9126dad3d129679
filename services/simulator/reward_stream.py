"""The stream to the reward service: segments are offered, and those that it demands are stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc.aio
import prometheus_client
import structlog

from services.simulator.segments.offers import Offer, OfferRing
from services.simulator.segments.recorded_segment import RecordedSegment
from services.simulator.segments.storage import store_segment
from somersault.domain.roles import Identity
from somersault.domain.trajectory import StoredSegment
from somersault.errors import InvalidInputError, SomersaultError
from somersault.rpc import Backoff, dial_forever, translated_errors
from somersault.runtime.failpoints import failpoint
from somersault.storage import STORE_THREADS, ObjectStore
from somersault.tasks import Task
from somersault.v1 import reward_pb2, reward_pb2_grpc
from somersault.wire import segment_to_message, stored_segment_to_message, task_spec_to_message

__all__ = ["RewardStream"]

_log = structlog.get_logger()

_MAX_SEGMENTS_PER_MESSAGE = 256  # as OfferSegments says
_NUM_STORED = prometheus_client.Counter(
    "somersault_simulator_segments_stored_total", "Segments put into object storage on demand."
)

Stream = grpc.aio.StreamStreamCall[Any, Any]


class RewardStream:
    """Keeps a stream to the reward service open; belongs to one event loop.

    Each stream is offered everything that is still kept, oldest first, and then what comes: a reward service
    that reconnects, or joins late, misses nothing that is still here.
    """

    def __init__(
        self,
        task: Task,
        *,
        address: str,
        simulator_id: str,
        incarnation: str,
        offers: OfferRing,
        store: ObjectStore,
        certificates: Path | None = None,
    ) -> None:
        """Prepare to dial.

        Args:
            task: What is simulated.
            address: The reward service's, ``host:port``.
            simulator_id: Stable name of this simulator.
            incarnation: Random name of this process's life.
            offers: What is offered.
            store: Where demanded segments are put.
            certificates: As in `somersault.rpc.open_channel`.
        """
        self._task = task
        self._address = address
        self._simulator_id = simulator_id
        self._incarnation = incarnation
        self._offers = offers
        self._store = store
        self._certificates = certificates

    async def run(self) -> None:
        """Keep the stream open until cancelled.

        Raises:
            SomersaultError: The reward service or the store refuses for good.
        """
        await dial_forever(
            self._address,
            lambda channel, backoff: self._hold(reward_pb2_grpc.RewardServiceStub(channel), backoff),
            on_lost=lambda detail: _log.warning("offer_stream_lost", detail=detail),
            certificates=self._certificates,
            peer=Identity.REWARD,
        )

    async def _hold(self, stub: reward_pb2_grpc.RewardServiceAsyncStub, backoff: Backoff) -> None:
        """Offer segments and answer demands on one stream until it ends."""
        with translated_errors():
            stream: Stream = stub.OfferSegments(None)
            await stream.write(self._hello())
            writing = asyncio.Lock()
            offering = asyncio.create_task(self._offer(stream, writing))
            answering = asyncio.create_task(self._answer(stream, writing, backoff))
            try:
                done, _ = await asyncio.wait({offering, answering}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                offering.cancel()
                answering.cancel()
                await asyncio.gather(offering, answering, return_exceptions=True)
                stream.cancel()

    def _hello(self) -> reward_pb2.OfferSegmentsRequest:
        """Return the first message."""
        return reward_pb2.OfferSegmentsRequest(
            hello=reward_pb2.OfferHello(
                simulator_id=self._simulator_id,
                incarnation=self._incarnation,
                task=task_spec_to_message(self._task.spec),
            )
        )

    async def _offer(self, stream: Stream, writing: asyncio.Lock) -> None:
        """Send every offer that is kept, and each new one; ``writing`` admits one writer to the stream."""
        sequence = -1
        while True:
            offer = await self._offers.wait_after(sequence)
            sequence = offer.rollout_sequence
            async with writing:
                await stream.write(_offer_to_message(offer))

    async def _answer(self, stream: Stream, writing: asyncio.Lock, backoff: Backoff) -> None:
        """Store what is demanded, one demand after the other, until the stream ends."""
        async for demand in stream:
            backoff.reset()
            kept, missing = self._look_up(demand.segment_ids)
            stored = [await self._store_until_done(segment) for segment in kept]
            failpoint("simulator.segments.reply")
            answer = reward_pb2.SegmentsStored(
                demand_id=demand.demand_id,
                segments=map(stored_segment_to_message, stored),
                missing_segment_ids=missing,
            )
            async with writing:
                await stream.write(reward_pb2.OfferSegmentsRequest(stored=answer))

    def _look_up(self, segment_ids: Sequence[str]) -> tuple[list[RecordedSegment], list[str]]:
        """Return the demanded segments that are kept, and the names of those that are not."""
        if len(segment_ids) > _MAX_SEGMENTS_PER_MESSAGE:
            bound = f"at most {_MAX_SEGMENTS_PER_MESSAGE}"
            raise InvalidInputError("number of segment_ids", len(segment_ids), bound)
        found = {segment_id: self._offers.get(segment_id) for segment_id in segment_ids}
        kept = [segment for segment in found.values() if segment is not None]
        return kept, [segment_id for segment_id, segment in found.items() if segment is None]

    async def _store_until_done(self, recorded: RecordedSegment) -> StoredSegment:
        """Store a segment, trying again for as long as the object store is away.

        Raises:
            SomersaultError: The store refuses it for good.
        """
        backoff = Backoff()
        while True:
            try:
                stored = await STORE_THREADS.run(
                    store_segment, recorded, task=self._task, store=self._store, run_id=self._offers.run_id
                )
            except SomersaultError as err:
                if err.is_hopeless:
                    raise
                _log.warning("segment_not_stored", detail=str(err))
                await backoff.wait()
                continue
            _NUM_STORED.inc()
            return stored


def _offer_to_message(offer: Offer) -> reward_pb2.OfferSegmentsRequest:
    """Return the message of an offer; segments past the bound are left out, and logged."""
    if len(offer.segments) > _MAX_SEGMENTS_PER_MESSAGE:
        num_left_out = len(offer.segments) - _MAX_SEGMENTS_PER_MESSAGE
        _log.warning("segments_left_out", num_left_out=num_left_out)
    segments = [recorded.segment for recorded in offer.segments[:_MAX_SEGMENTS_PER_MESSAGE]]
    return reward_pb2.OfferSegmentsRequest(
        offer=reward_pb2.SegmentOffer(
            rollout_sequence=offer.rollout_sequence,
            segments=map(segment_to_message, segments),
            env_steps=offer.env_steps,
        )
    )
