"""Asks a service whatever hypothesis thinks of, for so long or so often, and stops at the first answer that is wrong."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import hypothesis
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2
from hypothesis import strategies as st

from tests.fuzzing.answers import fault_of
from tests.fuzzing.messages import messages, mutated
from tests.fuzzing.targets import TARGETS, Target

__all__ = ["Fuzzer", "fuzz"]

_TIMEOUT_S = 3.0
_QUIET_S = 0.05  # a stream that says nothing for so long has taken what it was sent
_ROUND = 50
_CUT = "Internal error from Core"  # what grpc.aio says of its own of a write after the service has ended the call
_MAX_MESSAGES = 4


class Fuzzer:
    """A service in a thread with an event loop, and calls of it from this one."""

    def __init__(self, name: str, folder: Path) -> None:
        """Serve a target by its name, its files in a folder."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._serving = TARGETS[name](folder)
        self.first_fault: str | None = None
        """The first wrong answer; hypothesis then looks for the smallest question that gets one."""
        self.counts: Counter[tuple[str, str]] = Counter()
        """Answers by rpc and status."""
        self.target: Target = self.run(self._serving.__aenter__())
        self._questions = {method.full_name: _requests(method, self.target) for method in self.target.methods}
        """By rpc: what it may be asked."""
        self._channel: Any = self.run(self._open())

    def close(self) -> None:
        """End the service."""
        self.run(self._channel.close())
        self.run(self._serving.__aexit__(None, None, None))
        self.run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def ask(self, data: st.DataObject) -> str | None:
        """Call an rpc, then see whether the service lives, and return what is wrong with either answer."""
        method = data.draw(st.sampled_from(self.target.methods), label="rpc")
        token = data.draw(st.sampled_from(self.target.tokens_for(method)), label="token")
        requests = data.draw(self._questions[method.full_name], label="requests")
        status, detail = self.run(self._call(method, requests, token))
        self.counts[method.name, status.name] += 1
        fault = fault_of(status, detail, folder=self.target.folder) or self.run(self._fault_of_health())
        return fault and f"{method.full_name}: {fault}"

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what work in the service's loop comes to."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _open(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self.target.address, options=[("grpc.max_send_message_length", -1)])

    async def _call(
        self, method: MethodDescriptor, requests: list[bytes], token: str
    ) -> tuple[grpc.StatusCode, str]:
        path = f"/{method.containing_service.full_name}/{method.name}"
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        if method.client_streaming:
            call = self._channel.stream_stream(path)(timeout=_TIMEOUT_S, metadata=metadata)
        else:
            call = self._channel.unary_stream(path)(requests[0], timeout=_TIMEOUT_S, metadata=metadata)
        try:
            for request in requests if method.client_streaming else ():
                await call.write(request)
            await self._read(call, is_endless=method.server_streaming)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        if not call.done():
            call.cancel()
            return grpc.StatusCode.OK, ""
        status, detail = await call.code(), await call.details() or ""
        return (grpc.StatusCode.OK, "") if detail == _CUT else (status, detail)

    async def _read(self, call: Any, *, is_endless: bool) -> None:
        quiet_s = _QUIET_S if is_endless else _TIMEOUT_S
        for _ in range(5):
            read = asyncio.ensure_future(call.read())
            done, _ = await asyncio.wait({read}, timeout=quiet_s)
            if not done:
                read.cancel()
                return
            if read.result() is grpc.aio.EOF:
                await call.code()
                return

    async def _fault_of_health(self) -> str | None:
        check = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check", response_deserializer=health_pb2.HealthCheckResponse.FromString
        )
        try:
            await check(b"", timeout=10)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:  # it is served by the whole process alone
                return f"it is not well: {error.code().name} {error.details()}"
        return None


def fuzz(fuzzer: Fuzzer, *, seed: int, max_examples: int = 0, duration_s: float = 0.0) -> None:
    """Ask until so many questions or seconds are over.

    Raises:
        AssertionError: An answer is wrong; the message has the smallest question that was found for it.
    """
    until_s, number = time.monotonic() + duration_s, 0
    while True:
        _round(fuzzer, seed=seed + number, max_examples=max_examples or _ROUND)
        number += 1
        if time.monotonic() >= until_s:
            return


def _round(fuzzer: Fuzzer, *, seed: int, max_examples: int) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )
    @hypothesis.given(data=st.data())
    def ask(data: st.DataObject) -> None:
        fault = fuzzer.ask(data)
        if fault is not None and fuzzer.first_fault is None:
            fuzzer.first_fault = fault
        assert fault is None, fault

    ask()


def _requests(method: MethodDescriptor, target: Target) -> st.SearchStrategy[list[bytes]]:
    whole = messages(method.input_type, target.values).map(lambda message: message.SerializeToString())
    one = st.one_of(whole, whole, whole, whole.flatmap(mutated))
    if not method.client_streaming:
        return st.lists(one, min_size=1, max_size=1)
    some = st.lists(one, min_size=1, max_size=_MAX_MESSAGES)
    greeting = target.greetings.get(method.name)
    return some if greeting is None else st.one_of(some, some.map(lambda rest: [greeting, *rest]))
