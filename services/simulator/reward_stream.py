"""Offers segments to the reward service and stores those it demands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc.aio
import prometheus_client
import structlog

from services.simulator.segments.format import encode_sealed, encode_segment
from services.simulator.segments.offers import Offer, OfferRing, RecordedSegment
from somersault.domain.keys import sealed_key, segment_key
from somersault.domain.trajectory import StoredSegment
from somersault.errors import InvalidInputError, SomersaultError
from somersault.rpc import Backoff, Notifier, dial_forever, translated_errors
from somersault.storage import ObjectStore
from somersault.tasks import Task
from somersault.v1 import reward_pb2, reward_pb2_grpc
from somersault.wire import segment_to_message, stored_segment_to_message, task_spec_to_message

__all__ = ["SegmentOfferer", "store_segment"]

_log = structlog.get_logger()

_MAX_SEGMENTS_PER_MESSAGE = 256  # as OfferSegments says
_NUM_STORED = prometheus_client.Counter(
    "somersault_simulator_segments_stored_total", "Segments put into object storage on demand."
)

Stream = grpc.aio.StreamStreamCall[Any, Any]


class SegmentOfferer:
    """Keeps a stream to the reward service open; belongs to one event loop.

    Each stream is offered all that is still kept, oldest first, and then what comes: so a reward
    service that comes back, or comes late, misses nothing that is still here. Nothing waits for it:
    while it is away the oldest offers are forgotten.
    """

    def __init__(
        self,
        task: Task,
        *,
        address: str,
        simulator_id: str,
        incarnation: str,
        store: ObjectStore,
        max_segments: int,
    ) -> None:
        """Begins with nothing to offer."""
        self._task = task
        self._address = address
        self._simulator_id = simulator_id
        self._incarnation = incarnation
        self._store = store
        self._max_segments = max_segments
        self._run_id = ""
        self._ring = OfferRing(max_segments)
        self._has_news = Notifier()

    def add(self, offer: Offer, *, run_id: str) -> None:
        """Offers the segments of a rollout; those of another run than before push out all older ones."""
        if run_id != self._run_id:
            self._run_id, self._ring = run_id, OfferRing(self._max_segments)
        self._ring.add(offer)
        self._has_news.notify()

    async def run(self) -> None:
        """Keep the stream open until cancelled.

        Raises:
            SomersaultError: The reward service or the store refuses for good.
        """
        await dial_forever(
            self._address,
            lambda channel, backoff: self._hold(reward_pb2_grpc.RewardServiceStub(channel), backoff),
            on_lost=lambda detail: _log.warning("offer_stream_lost", detail=detail),
        )

    async def _hold(self, stub: reward_pb2_grpc.RewardServiceAsyncStub, backoff: Backoff) -> None:
        """Offers and answers on one stream until it ends."""
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
        """Gives the first message."""
        return reward_pb2.OfferSegmentsRequest(
            hello=reward_pb2.OfferHello(
                simulator_id=self._simulator_id,
                incarnation=self._incarnation,
                task=task_spec_to_message(self._task.spec),
            )
        )

    async def _offer(self, stream: Stream, writing: asyncio.Lock) -> None:
        """Sends every offer that is kept, and each new one; ``writing`` guards the stream's one writer."""
        sequence = -1
        while True:
            change = self._has_news.next
            offer = self._ring.after(sequence)
            if offer is None:
                await change.wait()
                continue
            sequence = offer.rollout_sequence
            async with writing:
                await stream.write(_offer_to_message(offer))

    async def _answer(self, stream: Stream, writing: asyncio.Lock, backoff: Backoff) -> None:
        """Stores what is demanded, one demand after the other, until the stream ends."""
        async for demand in stream:
            backoff.reset()
            kept, missing = self._look_up(demand.segment_ids)
            stored = [await self._store_until_done(segment) for segment in kept]
            answer = reward_pb2.SegmentsStored(
                demand_id=demand.demand_id,
                segments=map(stored_segment_to_message, stored),
                missing_segment_ids=missing,
            )
            async with writing:
                await stream.write(reward_pb2.OfferSegmentsRequest(stored=answer))

    def _look_up(self, segment_ids: Sequence[str]) -> tuple[list[RecordedSegment], list[str]]:
        """Gives the demanded segments that are kept, and the names of those that are not."""
        if len(segment_ids) > _MAX_SEGMENTS_PER_MESSAGE:
            bound = f"at most {_MAX_SEGMENTS_PER_MESSAGE}"
            raise InvalidInputError("number of segment_ids", len(segment_ids), bound)
        found = {segment_id: self._ring.get(segment_id) for segment_id in segment_ids}
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
                stored = await asyncio.to_thread(
                    store_segment, recorded, task=self._task, store=self._store, run_id=self._run_id
                )
            except SomersaultError as err:
                if err.is_hopeless:
                    raise
                _log.warning("segment_not_stored", detail=str(err))
                await backoff.wait()
                continue
            _NUM_STORED.inc()
            return stored


def store_segment(recorded: RecordedSegment, *, task: Task, store: ObjectStore, run_id: str) -> StoredSegment:
    """Puts both objects of a segment into object storage, the sealed part first.

    Raises:
        SomersaultError: The store failed.
    """
    segment_id = recorded.segment.segment_id
    sealed = store.put(sealed_key(run_id, segment_id), encode_sealed(recorded, task))
    segment = store.put(segment_key(run_id, segment_id), encode_segment(recorded, task))
    return StoredSegment(
        segment_id=segment_id,
        segment_uri=segment.key,
        sealed_uri=sealed.key,
        duration_s=len(recorded.true_rewards) * task.step_s,
    )


def _offer_to_message(offer: Offer) -> reward_pb2.OfferSegmentsRequest:
    """Gives the message of an offer; past the bound the last segments are left out, and logged."""
    if len(offer.segments) > _MAX_SEGMENTS_PER_MESSAGE:
        num_left_out = len(offer.segments) - _MAX_SEGMENTS_PER_MESSAGE
        _log.warning("segments_left_out", num_left_out=num_left_out)
    segments = [kept.segment for kept in offer.segments[:_MAX_SEGMENTS_PER_MESSAGE]]
    return reward_pb2.OfferSegmentsRequest(
        offer=reward_pb2.SegmentOffer(
            rollout_sequence=offer.rollout_sequence, segments=map(segment_to_message, segments)
        )
    )
