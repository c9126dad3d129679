"""Synthetic labelers that answer through every fault, with a journal of their own of what was acknowledged to them."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2

__all__ = ["Journal", "answer_until", "problems_of"]

DEADLINE_S = 5.0
_PAUSE_S = 0.05
PREFERENCES = (
    preference_pb2.PREFERENCE_LEFT,
    preference_pb2.PREFERENCE_RIGHT,
    preference_pb2.PREFERENCE_EQUAL,
)
# The last because leases whose replies were lost are held until they expire.
_AWAY = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
_LATE = frozenset(
    {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.NOT_FOUND}
)


@dataclass
class Journal:
    """What the labelers were told, kept apart from everything that faults are done to."""

    acknowledged: dict[str, preference_pb2.PreferenceRecord] = field(default_factory=dict)
    """By answer id."""
    sent: set[str] = field(default_factory=set)
    """Ids of the answers that were sent, acknowledged or not."""
    refused: Counter[str] = field(default_factory=Counter)
    """Statuses with which attempts ended."""
    longest_s: float = 0.0
    """The longest that one attempt took."""
    seconds: list[float] = field(default_factory=list)
    """What each acknowledged answer took, all its attempts together."""

    async def call(self, method: Any, request: Any, *, deadline_s: float = DEADLINE_S) -> Any:
        """Call until there is a reply, the same request each time; None if it comes too late for good."""
        while True:
            begin_s = time.monotonic()
            try:
                return await method(request, timeout=deadline_s)
            except grpc.aio.AioRpcError as error:
                self.refused[error.code().name] += 1
                if error.code() in _LATE:
                    return None
                if error.code() not in _AWAY:
                    raise
                await asyncio.sleep(_PAUSE_S)
            finally:
                self.longest_s = max(self.longest_s, time.monotonic() - begin_s)

    async def submit(
        self, stub: Any, token: str, answer_id: str, preference: Any, *, num_copies: int = 1
    ) -> None:
        """Answer, in several copies at once, which must all get the same reply."""
        answer = pb.SubmitPreferenceRequest(lease_token=token, answer_id=answer_id, preference=preference)
        self.sent.add(answer_id)
        begin_s = time.monotonic()
        replies = await asyncio.gather(*(self.call(stub.SubmitPreference, answer) for _ in range(num_copies)))
        records = [reply.record for reply in replies if reply is not None]
        assert all(record == records[0] for record in records), f"copies of {answer_id} got different replies"
        if records:
            self.acknowledged[answer_id] = records[0]
            self.seconds.append(time.monotonic() - begin_s)


async def answer_until(
    is_over: Callable[[], bool], stub: Any, journal: Journal, *, run_id: str, generator: random.Random
) -> None:
    """Lease and answer until it is over, however often the labeler dies meanwhile."""
    request = pb.LeaseQueriesRequest(run_id=run_id, count=2, lease_s=1, wait_s=0.5)
    while not is_over():
        leased = await journal.call(stub.LeaseQueries, request)
        for lease in leased.leases if leased else ():
            answer_id = f"a-{generator.getrandbits(60):015x}"
            copies = generator.choice((1, 1, 2, 3))
            await journal.submit(
                stub, lease.lease_token, answer_id, generator.choice(PREFERENCES), num_copies=copies
            )


def problems_of(journal: Journal, log: Iterable[preference_pb2.PreferenceRecord]) -> list[str]:
    """Return what is wrong with a whole preference log, by what its labelers were told; nothing if nothing is."""
    rows = list(log)
    by_id = {row.answer_id: row for row in rows if row.version <= 1}
    lost = [name for name in journal.acknowledged if name not in by_id]
    changed = [name for name, record in journal.acknowledged.items() if by_id.get(name, record) != record]
    doubled = [name for name, num in Counter((row.answer_id, row.version) for row in rows).items() if num > 1]
    filled = Counter(row.query_id for row in rows if not row.is_extra and row.version <= 1)
    targets = {row.query_id: 1 for row in rows}
    for row in rows:  # 0 in an extra
        targets[row.query_id] = max(targets[row.query_id], row.target_answers)
    cursors = [row.cursor for row in rows]
    found = {
        "acknowledged answers lost": lost,
        "acknowledged answers changed": changed,
        "answers doubled": doubled,
        "queries with too many answers": [name for name, num in filled.items() if num > targets[name]],
        "answers that nobody gave": sorted(by_id.keys() - journal.sent),
        "gaps in the log": [] if cursors == list(range(1, len(cursors) + 1)) else cursors[-3:],
    }
    return [f"{len(some)} {what}, such as {some[0]}" for what, some in found.items() if some]
