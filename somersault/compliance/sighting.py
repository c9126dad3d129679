"""What is seen of a front end: its leases, its answers, and the failures it is subjected to."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from somersault.compliance.proxy import Call, Forward
from somersault.errors import UnavailableError

__all__ = ["Asking", "SeenLease", "Sending", "Sighting"]

SHORT_LEASE_S = 8.0
"""How long the leases of one call last, to catch front ends that lease ahead and ignore the end of the lease."""

_SHORT_LEASE_CALL = 3  # the third call that is answered with leases


@dataclass(slots=True)
class SeenLease:
    """A lease that the front end was given."""

    query_id: str
    guidelines_version: int
    begin: float
    """By the monotonic clock."""
    end: float
    """By the monotonic clock, renewals included."""
    sides: set[int] = field(default_factory=set)
    """Sides whose clips were fetched."""
    is_answered: bool = False
    is_released: bool = False


@dataclass(slots=True, kw_only=True)
class Sending:
    """One attempt to send an answer or a change of one."""

    key: tuple[str, int]
    """answer_id and version."""
    request: bytes
    lease_token: str
    response_ms: int
    at: float
    is_acknowledged: bool = False
    was_failed: bool = False
    """Whether it was failed on purpose."""


@dataclass(slots=True, kw_only=True)
class Asking:
    """One call of LeaseQueries."""

    count: int
    wait_s: float
    deadline_s: float | None
    at: float
    num_leases: int | None = None
    """None until it was answered."""
    was_failed: bool = False


class Sighting:
    """A proxy's hook that records what front ends do, and fails four calls on purpose.

    The first attempt at the first answer and at the first change end with UNAVAILABLE *after* they are committed, the
    first attempt at the third answer before; the second call of LeaseQueries ends with UNAVAILABLE too.
    """

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.leases: dict[str, SeenLease] = {}
        self.sendings: list[Sending] = []
        self.askings: list[Asking] = []
        self.guidelines: dict[int, float] = {}
        """When each version was first read, by the monotonic clock."""
        self.refusals: list[str] = []
        self.without_deadline: Counter[str] = Counter()
        self.newest_guidelines = 0
        self._num_leased_calls = 0

    async def around(self, call: Call, forward: Forward) -> Any:
        """Forward a call and record it."""
        if call.deadline_s is None:
            self.without_deadline[call.method] += 1
        seen = {
            "LeaseQueries": self._lease,
            "RenewLease": self._renew,
            "ReleaseQuery": self._release,
            "SubmitPreference": self._submit,
            "RevisePreference": self._revise,
            "GetClip": self._get_clip,
            "GetGuidelines": self._get_guidelines,
        }.get(call.method, self._pass)
        try:
            return await seen(call, forward)
        except grpc.aio.AioRpcError as error:
            self.refusals.append(f"{call.method}: {error.code().name}: {error.details()}")
            raise

    def sent(self, key: tuple[str, int]) -> Sequence[Sending]:
        """Return every attempt at an answer or a change, in order."""
        return [sending for sending in self.sendings if sending.key == key]

    @property
    def num_settled(self) -> int:
        """The number of queries that were answered or released."""
        return sum(lease.is_answered or lease.is_released for lease in self.leases.values())

    async def _pass(self, call: Call, forward: Forward) -> Any:
        return await forward(call)

    async def _lease(self, call: Call, forward: Forward) -> Any:
        request = call.request
        asking = Asking(
            count=request.count, wait_s=request.wait_s, deadline_s=call.deadline_s, at=time.monotonic()
        )
        self.askings.append(asking)
        if len(self.askings) == 2:
            asking.was_failed = True
            raise UnavailableError("failed on purpose: call again")
        if self._num_leased_calls == _SHORT_LEASE_CALL - 1:
            request.lease_s = SHORT_LEASE_S
        reply = await forward(call)
        asking.num_leases = len(reply.leases)
        self._num_leased_calls += bool(reply.leases)
        now = time.monotonic()
        for lease in reply.leases:
            self.leases[lease.lease_token] = SeenLease(
                lease.query.query_id, lease.query.guidelines_version, now, now + lease.remaining_s
            )
        return reply

    async def _renew(self, call: Call, forward: Forward) -> Any:
        reply = await forward(call)
        self.leases[call.request.lease_token].end = time.monotonic() + reply.remaining_s
        return reply

    async def _release(self, call: Call, forward: Forward) -> Any:
        reply = await forward(call)
        self.leases[call.request.lease_token].is_released = True
        return reply

    async def _submit(self, call: Call, forward: Forward) -> Any:
        request = call.request
        is_new = not self.sent((request.answer_id, 1))
        num_before = len({sending.key for sending in self.sendings if sending.key[1] == 1})
        sending = self._note(call, key=(request.answer_id, 1))
        if is_new and num_before == 2:
            sending.was_failed = True
            raise UnavailableError("failed on purpose, before anything was stored: send it again")
        reply = await forward(call)
        if request.lease_token in self.leases:
            self.leases[request.lease_token].is_answered = True
        return await self._acknowledge(sending, reply, is_failed=is_new and num_before == 0)

    async def _revise(self, call: Call, forward: Forward) -> Any:
        is_first = not any(sending.key[1] > 1 for sending in self.sendings)
        sending = self._note(call, key=(call.request.answer_id, call.request.version))
        return await self._acknowledge(sending, await forward(call), is_failed=is_first)

    def _note(self, call: Call, *, key: tuple[str, int]) -> Sending:
        sending = Sending(
            key=key,
            request=call.request.SerializeToString(deterministic=True),
            lease_token=getattr(call.request, "lease_token", ""),
            response_ms=getattr(call.request, "response_ms", 0),
            at=time.monotonic(),
        )
        self.sendings.append(sending)
        return sending

    async def _acknowledge(self, sending: Sending, reply: Any, *, is_failed: bool) -> Any:
        if is_failed:
            sending.was_failed = True
            await asyncio.sleep(0.2)
            raise UnavailableError("failed on purpose, after it was stored: send it again")
        sending.is_acknowledged = True
        return reply

    async def _get_clip(self, call: Call, forward: Forward) -> Any:
        reply = await forward(call)
        for lease in self.leases.values():
            if lease.query_id == call.request.query_id:
                lease.sides.add(call.request.side)
        return reply

    async def _get_guidelines(self, call: Call, forward: Forward) -> Any:
        reply = await forward(call)
        self.guidelines.setdefault(reply.version, time.monotonic())
        return reply
