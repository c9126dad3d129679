"""Many labelers in one process, each on a connection of its own; `benchmarks.labeler.load` starts several of these.

``python -m benchmarks.labeler.clients`` takes a `Plan` as a line of JSON on standard input, says ``ready`` once all are
connected, begins at the next line, and prints a `Samples` as JSON.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc.aio

from somersault import rpc
from somersault.formats.strict_json import dump_json
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc, preference_pb2

__all__ = ["ECHO_METHOD", "Plan", "Samples"]

ECHO_METHOD = "/somersault.bench.Echo/Call"
_ECHO_REQUEST = bytes(400)  # about what a lease's response has
_LEASE_S = 30
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a process of labelers does."""

    address: str
    tokens: list[str]
    """One a labeler."""
    is_echo: bool
    """Calls a bare echo twice instead of leasing and answering."""
    run_id: str
    seconds: float
    period_s: float
    """Seconds from the beginning of one pair to the next of the same labeler; 0: as fast as it goes."""
    name: str
    """Begins each answer_id."""


@dataclass(slots=True, kw_only=True)
class Samples:
    """Seconds that calls took."""

    lease: list[float] = field(default_factory=list)
    submit: list[float] = field(default_factory=list)
    pair: list[float] = field(default_factory=list)
    """From the moment it was due to the second call's end."""
    num_empty: int = 0
    """Leases of nothing."""
    num_failed: int = 0
    last_failure: str = ""


class _Labeler:
    """One labeler with its connection."""

    def __init__(self, plan: Plan, number: int) -> None:
        self._channel: Any = rpc.open_channel(
            plan.address, token=plan.tokens[number], has_own_connection=True
        )
        self._stub: Any = labeler_pb2_grpc.LabelerServiceStub(self._channel)
        self._echo: Any = self._channel.unary_unary(ECHO_METHOD, None, None)
        self._plan = plan
        self._name = f"{plan.name}-{number}"
        self._num_answers = 0

    async def connect(self) -> None:
        async with asyncio.timeout(_TIMEOUT_S):
            await self._channel.channel_ready()

    async def close(self) -> None:
        await self._channel.close()

    async def first_call(self) -> Any:
        if self._plan.is_echo:
            return await self._echo(_ECHO_REQUEST, timeout=_TIMEOUT_S)
        request = pb.LeaseQueriesRequest(run_id=self._plan.run_id, count=1, lease_s=_LEASE_S)
        leases = (await self._stub.LeaseQueries(request, timeout=_TIMEOUT_S)).leases
        return leases[0].lease_token if leases else None

    async def second_call(self, token: Any) -> None:
        if self._plan.is_echo:
            await self._echo(_ECHO_REQUEST, timeout=_TIMEOUT_S)
            return
        self._num_answers += 1
        request = pb.SubmitPreferenceRequest(
            lease_token=token,
            answer_id=f"{self._name}-{self._num_answers}",
            preference=preference_pb2.PREFERENCE_LEFT,
            response_ms=2000,
        )
        await self._stub.SubmitPreference(request, timeout=_TIMEOUT_S)


async def _work(labeler: _Labeler, plan: Plan, samples: Samples, *, begin_s: float) -> None:
    """Leases and answers until the time is up, each pair no sooner than it is due."""
    # Not the same moment for all: people don't answer in step.
    due_s = begin_s + random.random() * plan.period_s  # noqa: S311 - a draw that needs no seed
    while due_s < begin_s + plan.seconds:
        if plan.period_s:
            await asyncio.sleep(due_s - time.perf_counter())
        try:
            await _answer_one(labeler, samples, due_s=due_s)
        except grpc.aio.AioRpcError as err:
            samples.num_failed += 1
            samples.last_failure = f"{err.code().name}: {err.details()}"
            await asyncio.sleep(0.05)
        due_s = due_s + plan.period_s if plan.period_s else time.perf_counter()


async def _answer_one(labeler: _Labeler, samples: Samples, *, due_s: float) -> None:
    start_s = time.perf_counter()
    token = await labeler.first_call()
    leased_s = time.perf_counter()
    if token is None:
        samples.num_empty += 1
        await asyncio.sleep(0.05)
        return
    await labeler.second_call(token)
    end_s = time.perf_counter()
    samples.lease.append(leased_s - start_s)
    samples.submit.append(end_s - leased_s)
    samples.pair.append(end_s - due_s)


async def _run(plan: Plan, wait_for_start: Callable[[], Awaitable[Any]]) -> Samples:
    labelers = [_Labeler(plan, number) for number in range(len(plan.tokens))]
    await asyncio.gather(*(labeler.connect() for labeler in labelers))
    gc.collect()
    gc.disable()  # a pause of the measuring process is no labeler's
    print("ready", flush=True)
    await wait_for_start()
    samples, begin_s = Samples(), time.perf_counter()
    await asyncio.gather(*(_work(labeler, plan, samples, begin_s=begin_s) for labeler in labelers))
    await asyncio.gather(*(labeler.close() for labeler in labelers))
    return samples


def main() -> None:
    """Take the plan and print the outcome."""
    plan = Plan(**json.loads(sys.stdin.readline()))
    samples = asyncio.run(_run(plan, lambda: asyncio.to_thread(sys.stdin.readline)))
    print(dump_json(dataclasses.asdict(samples)), flush=True)


if __name__ == "__main__":
    main()
