"""One simulator's `OfferSegments` stream: what is read from it, and the demands that are sent down."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

from services.reward.segments.offers import Offers
from services.reward.segments.session import Demand, OfferSession
from somersault.domain.bounds import MAX_ENVIRONMENTS, MAX_SEQUENCE
from somersault.domain.task_spec import TaskSpec
from somersault.domain.texts import check_name
from somersault.domain.trajectory import Segment, StoredSegment
from somersault.errors import InvalidInputError
from somersault.rpc import drained, duplex, end_of_this_call, first_message
from somersault.v1 import reward_pb2, trajectory_pb2
from somersault.wire import segment_from_message, stored_segment_from_message, task_spec_from_message

__all__ = ["OfferConversation"]

_MAX_SEGMENTS = 256
_MAX_ROLLOUT_STEPS = 4096 * MAX_ENVIRONMENTS
"""The learner's bound on the steps of each environment, in as many as a simulator may have."""


class OfferConversation:
    """Holds simulators' streams, each from its hello to its end."""

    def __init__(self, *, spec: TaskSpec, run_id: str, offers: Offers) -> None:
        """Connect the parts.

        Args:
            spec: what simulators must simulate.
            run_id: whose segments they store.
            offers: where offers and answers to demands go.
        """
        self._spec = spec
        self._run_id = run_id
        self._offers = offers

    async def hold(
        self, requests: AsyncIterator[reward_pb2.OfferSegmentsRequest]
    ) -> AsyncIterator[reward_pb2.OfferSegmentsResponse]:
        """Yield what to send to one simulator.

        Raises:
            InvalidInputError: a message is out of bounds or out of order.
            ResourceExhaustedError: too many simulators are connected.
        """
        hello = (await first_message(requests, rpc="OfferSegments")).hello
        self._check_hello(hello)
        session = self._offers.join(hello.incarnation, end=end_of_this_call())

        async def take(request: reward_pb2.OfferSegmentsRequest) -> None:
            clock = asyncio.get_running_loop()
            began_s = clock.time()
            self._take(session, request)
            # Whoever floods has at most half of the time, and others their turn.
            await asyncio.sleep(clock.time() - began_s)

        try:
            async for demand in duplex(requests, handle=take, responses=drained(session.outbox)):
                yield _demand_to_message(demand)
        finally:
            self._offers.leave(session)

    def _check_hello(self, hello: reward_pb2.OfferHello) -> None:
        check_name("hello.simulator_id", hello.simulator_id)
        check_name("hello.incarnation", hello.incarnation)
        spec = task_spec_from_message(hello.task)
        if spec != self._spec:
            raise InvalidInputError("hello.task", spec, f"the reward service's task {self._spec}")

    def _take(self, session: OfferSession, request: reward_pb2.OfferSegmentsRequest) -> None:
        kind = request.WhichOneof("kind")
        if kind == "offer":
            sequence = request.offer.rollout_sequence
            if not 0 <= sequence <= MAX_SEQUENCE:
                raise InvalidInputError("offer.rollout_sequence", sequence, f"0 to {MAX_SEQUENCE}")
            if not 0 <= request.offer.env_steps <= _MAX_ROLLOUT_STEPS:
                bound = f"0 to {_MAX_ROLLOUT_STEPS}"
                raise InvalidInputError("offer.env_steps", request.offer.env_steps, bound)
            _check_count("offer.segments", len(request.offer.segments))
            segments = [self._segment(each, sequence=sequence) for each in request.offer.segments]
            self._offers.offer(session, sequence, segments, env_steps=request.offer.env_steps)
        elif kind == "stored":
            _check_count("stored.segments", len(request.stored.segments))
            stored = [self._stored_segment(each) for each in request.stored.segments]
            self._offers.stored(session, request.stored.demand_id, stored)
        else:
            raise InvalidInputError(
                "after its hello a simulator may only offer segments or report them stored"
            )

    def _segment(self, message: trajectory_pb2.Segment, *, sequence: int) -> Segment:
        segment = segment_from_message(message, spec=self._spec)
        if segment.rollout_sequence != sequence:
            raise InvalidInputError(
                "segment.rollout_sequence", segment.rollout_sequence, f"that of its offer, {sequence}"
            )
        return segment

    def _stored_segment(self, message: trajectory_pb2.StoredSegment) -> StoredSegment:
        stored = stored_segment_from_message(message, run_id=self._run_id)
        duration_s = self._spec.segment_steps * self._spec.step_s
        if not math.isclose(stored.duration_s, duration_s, rel_tol=1e-6):
            raise InvalidInputError("stored.duration_s", stored.duration_s, f"the task's {duration_s:g}")
        return stored


def _check_count(field: str, count: int) -> None:
    if count > _MAX_SEGMENTS:
        raise InvalidInputError(field, f"{count} segments", f"at most {_MAX_SEGMENTS}")


def _demand_to_message(demand: Demand) -> reward_pb2.OfferSegmentsResponse:
    return reward_pb2.OfferSegmentsResponse(demand_id=demand.demand_id, segment_ids=demand.segment_ids)
