"""Labelers that fight for the same few queries and write down when they did what and what they were told."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.faults.labelers import DEADLINE_S, Journal
from tests.faults.linearizability import Operation

__all__ = ["History", "contend_until"]

LEASE_S = 1.0
_REFUSED = frozenset({grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND})


class History:
    """What happened, by the clock of the clients, which are all in this process."""

    def __init__(self, journal: Journal) -> None:
        """Begin empty; answers go into the journal too."""
        self.operations: list[Operation] = []
        self.journal = journal

    async def lease(self, stub: Any, run_id: str) -> pb.Lease | None:
        """Lease a query; a lease whose reply is lost is nobody's, and can only take a place that the model leaves free."""
        begin_s = time.monotonic()
        request = pb.LeaseQueriesRequest(run_id=run_id, count=1, lease_s=LEASE_S, wait_s=0.2)
        reply = await self._try(stub.LeaseQueries, request)
        if not reply or not reply.leases:
            return None
        lease: pb.Lease = reply.leases[0]
        self._add("lease", lease, begin_s, lease_s=LEASE_S)
        return lease

    async def submit(self, stub: Any, lease: pb.Lease, answer_id: str) -> bool:
        """Answer once; return whether a reply came."""
        begin_s = time.monotonic()
        request = pb.SubmitPreferenceRequest(
            lease_token=lease.lease_token, answer_id=answer_id, preference=preference_pb2.PREFERENCE_LEFT
        )
        self.journal.sent.add(answer_id)
        reply = await self._try(stub.SubmitPreference, request)
        if reply is None:
            self._add("submit", lease, begin_s, end_s=math.inf, answer_id=answer_id)
        elif reply:
            self._add("submit", lease, begin_s, answer_id=answer_id, is_extra=reply.record.is_extra)
            self.journal.acknowledged[answer_id] = reply.record
        return bool(reply)

    async def revise(self, stub: Any, lease: pb.Lease, answer_id: str) -> None:
        """Change an answer once."""
        begin_s = time.monotonic()
        request = pb.RevisePreferenceRequest(
            answer_id=answer_id, version=2, preference=preference_pb2.PREFERENCE_RIGHT
        )
        reply = await self._try(stub.RevisePreference, request)
        if reply is None or reply:
            end_s = time.monotonic() if reply else math.inf
            self._add("revise", lease, begin_s, end_s=end_s, answer_id=answer_id, version=2)

    async def release(self, stub: Any, lease: pb.Lease) -> None:
        """Give a lease back."""
        begin_s = time.monotonic()
        reply = await self._try(stub.ReleaseQuery, pb.ReleaseQueryRequest(lease_token=lease.lease_token))
        if reply is not False:
            self._add("release", lease, begin_s, end_s=math.inf if reply is None else time.monotonic())

    async def _try(self, method: Any, request: Any) -> Any:
        """Return the reply, None if none came, False if the call was refused and so changed nothing."""
        try:
            return await method(request, timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            self.journal.refused[error.code().name] += 1
            return False if error.code() in _REFUSED else None

    def _add(
        self, kind: Any, lease: pb.Lease, begin_s: float, *, end_s: float | None = None, **more: Any
    ) -> None:
        end_s = time.monotonic() if end_s is None else end_s
        self.operations.append(
            Operation(
                kind=kind,
                query_id=lease.query.query_id,
                token=lease.lease_token,
                begin_s=begin_s,
                end_s=end_s,
                **more,
            )
        )


async def contend_until(
    is_over: Callable[[], bool], stubs: list[Any], history: History, *, run_id: str, generator: random.Random
) -> None:
    """Lease, dawdle, answer, repeat, revise and release, each call on any replica, until it is over."""
    while not is_over():
        lease = await history.lease(generator.choice(stubs), run_id)
        if lease is None:
            await asyncio.sleep(0.05)
            continue
        await asyncio.sleep(generator.choice((0, 0, 0.1, 1.5 * LEASE_S)))
        if generator.random() < 0.2:
            await history.release(generator.choice(stubs), lease)
            continue
        answer_id = f"h-{generator.getrandbits(60):015x}"
        for _ in range(generator.choice((1, 1, 2))):
            has_reply = await history.submit(generator.choice(stubs), lease, answer_id)
        if has_reply and generator.random() < 0.2:
            await history.revise(generator.choice(stubs), lease, answer_id)
