"""What mutual TLS costs the loop: a learner's side fed over Collect, encrypted and in plaintext, in turns.

python -m benchmarks.learning.mutual_tls

What is measured is environment steps a second of processor time, of both ends together: unlike the time on the clock, it means something
beside other work. A real simulator steps environments and is what saturates, as in a run. ``--messages`` measures nothing but the
bytes of one rollout on their way between two ends in this process, which tells small differences apart on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import structlog

from benchmarks.labeler.servers import cpu_s
from benchmarks.learning.learner_stub import LearnerStub, serving
from benchmarks.learning.replayer import random_rollout
from benchmarks.measure import compare, describe_machine, print_table
from somersault.domain.roles import Identity
from somersault.rpc import bind, open_channel
from somersault.rpc.tls.folder import open_folder
from somersault.rpc.tls.server import mutual_tls
from somersault.runtime import allocator
from somersault.tasks import get_task
from somersault.wire import rollout_to_message
from tests.certificates import Authority

__all__ = ["main"]

_TASK = "hopper-backflip"
_SIZE = 64  # steps of a rollout, and environments


async def _steps_per_cpu_s(folder: Path, *, is_encrypted: bool, seconds: float) -> float:
    """Feed a stub from a simulator and return the environment steps a second of processor time."""
    stub = LearnerStub(  # type: ignore[abstract]  # a benchmark asks it for nothing else
        get_task(_TASK).spec, rollout_steps=_SIZE
    )
    async with serving(stub, certificates=folder / "learner" if is_encrypted else None) as port:
        command = [sys.executable, "-P", "-m", "services.simulator", "--task", _TASK]
        command += ["--num-environments", str(_SIZE), "--reward-address", "null", "--no-has-rendering"]
        command += ["--storage-url", (folder / "objects").as_uri()]
        command += ["--learner-address", f"127.0.0.1:{port}", "--simulator-id", "s"]
        command += ["--certificates-path", str(folder / "simulator")] if is_encrypted else []
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - starts at once
        try:
            async with asyncio.timeout(120):
                await stub.wait_for(1, num_rollouts=3)
            before, begin_s = stub.num_steps, time.process_time() + cpu_s(process.pid)
            await asyncio.sleep(seconds)
            return (stub.num_steps - before) / (time.process_time() + cpu_s(process.pid) - begin_s)
        finally:
            process.terminate()
            process.wait(timeout=60)


async def _ms_per_message(folder: Path, *, num_rounds: int, num_messages: int = 20) -> dict[str, list[float]]:
    """Return the processor milliseconds of sending one rollout's bytes, measured in turns."""
    spec = get_task(_TASK).spec
    message = rollout_to_message(
        random_rollout(spec, num_steps=_SIZE, num_environments=_SIZE)
    ).SerializeToString()
    print(f"\n{len(message):,} bytes a rollout")
    tls = mutual_tls(open_folder(folder / "learner"), identity=Identity.LEARNER, has_public_port=True)
    server = grpc.aio.server(
        interceptors=[tls.authorization], options=[("grpc.max_receive_message_length", -1)]
    )

    async def take(requests: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        async for _ in requests:
            yield b""

    handlers = {"Collect": grpc.stream_stream_rpc_method_handler(take)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("somersault.v1.LearnerService", handlers),)
    )
    places = {
        "plaintext": (bind(server, host="127.0.0.1", port=0), None),
        "mutual TLS": (
            bind(server, host="127.0.0.1", port=0, credentials=tls.credentials),
            folder / "simulator",
        ),
    }
    await server.start()
    found: dict[str, list[float]] = {kind: [] for kind in places}
    async with contextlib.AsyncExitStack() as stack:
        streams: dict[str, Any] = {}
        for kind, (port, certificates) in places.items():
            channel: Any = await stack.enter_async_context(
                open_channel(f"127.0.0.1:{port}", certificates=certificates, peer=Identity.LEARNER)
            )
            collect: Any = channel.stream_stream("/somersault.v1.LearnerService/Collect")
            streams[kind] = collect()
        for number in range(num_rounds + 1):
            for kind, stream in list(streams.items())[:: 1 if number % 2 else -1]:
                begin_s = time.process_time()
                for _ in range(num_messages):
                    await stream.write(message)
                    await stream.read()
                if number:  # the first round connects
                    found[kind].append((time.process_time() - begin_s) / num_messages * 1e3)
    await server.stop(None)
    return found


def _print_messages(found: dict[str, list[float]]) -> None:
    print("\n| what | processor ms a rollout, both ends: quartiles |\n| --- | --- |")
    differences = [tls - plain for plain, tls in zip(found["plaintext"], found["mutual TLS"], strict=True)]
    for kind, values in {**found, "mutual TLS less plaintext": differences}.items():
        print(f"| {kind} | {', '.join(f'{each:.2f}' for each in statistics.quantiles(values, n=4))} |")


def main() -> None:
    """Measure both feeds and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--messages", action="store_true")
    arguments = parser.parse_args()
    allocator.keep_freed_memory()  # as services do
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(f"mutual TLS, Collect: {describe_machine()}")
    with tempfile.TemporaryDirectory() as name:
        folder, authority = Path(name), Authority()
        for word in ("learner", "simulator"):
            authority.write(folder / word, word)
        if arguments.messages:
            _print_messages(asyncio.run(_ms_per_message(folder, num_rounds=arguments.rounds)))
            return

        def measure(*, is_encrypted: bool) -> float:
            return asyncio.run(_steps_per_cpu_s(folder, is_encrypted=is_encrypted, seconds=arguments.seconds))

        contestants = {
            "plaintext": partial(measure, is_encrypted=False),
            "mutual TLS": partial(measure, is_encrypted=True),
        }
        speeds = compare(contestants, num_rounds=arguments.rounds)
        title = f"{_TASK}, {_SIZE} x {_SIZE} steps from a simulator"
        print_table(title, speeds, unit="steps per processor second", base="plaintext")


if __name__ == "__main__":
    main()
