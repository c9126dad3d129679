"""A simulator's memory over hours: one process fed by a learner stub, its offers kept and some of them stored.

python -m benchmarks.simulators.soak --task hopper-backflip --minutes 60
python -m benchmarks.simulators.soak --task pong --minutes 60
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.learning.learner_stub import LearnerStub
from benchmarks.measure import describe_machine
from somersault.rpc import bind, create_server
from somersault.tasks import get_task
from somersault.v1 import learner_pb2_grpc, reward_pb2, reward_pb2_grpc

__all__ = ["main"]

_START_S = 300.0  # far more than loading takes; a simulator that cannot start brings nothing by then
_SAMPLE_S = 10.0
_WARM_UP_S = 300.0
_TOLERANCE = 0.05
_ROWS = 24  # in the table, however long it took


class _RewardStub(reward_pb2_grpc.RewardServiceServicer):
    """Takes offers, demands one segment of each fifth, and throws away what is stored."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.num_offers = 0
        self.num_segments = 0
        self.num_stored = 0

    async def OfferSegments(
        self, request_iterator: AsyncIterator[reward_pb2.OfferSegmentsRequest], context: Any
    ) -> AsyncIterator[reward_pb2.OfferSegmentsResponse]:
        """Goes on until the simulator leaves."""
        async for request in request_iterator:
            kind = request.WhichOneof("kind")
            if kind == "offer":
                self.num_offers += 1
                names = [segment.segment_id for segment in request.offer.segments]
                self.num_segments += len(names)
                if names and self.num_offers % 5 == 0:
                    yield reward_pb2.OfferSegmentsResponse(demand_id=self.num_offers, segment_ids=names[:1])
            elif kind == "stored":
                for stored in request.stored.segments:
                    self.num_stored += 1
                    for key in (stored.segment_uri, stored.sealed_uri):
                        (self._folder / key).unlink()


async def _soak(options: argparse.Namespace) -> list[tuple[float, float]]:
    """Return elapsed seconds and resident megabytes of the simulator, one pair per sample."""
    task = get_task(options.task)
    num_environments = 16 if task.spec.is_image else 64
    learner = LearnerStub(  # type: ignore[abstract]  # a soak asks it for nothing else
        task.spec, rollout_steps=128 if task.spec.is_image else 64
    )
    with tempfile.TemporaryDirectory() as folder:
        reward = _RewardStub(Path(folder))  # type: ignore[abstract]  # likewise
        server = create_server()
        learner_pb2_grpc.add_LearnerServiceServicer_to_server(learner, server)
        reward_pb2_grpc.add_RewardServiceServicer_to_server(reward, server)
        address = f"127.0.0.1:{bind(server, host='127.0.0.1', port=0)}"
        await server.start()
        learning = asyncio.create_task(learner.run())
        command = [sys.executable, "-m", "services.simulator", "--task", task.name]
        command += ["--storage-url", Path(folder).as_uri(), "--learner-address", address]
        command += ["--reward-address", address, "--num-environments", str(num_environments)]
        command += ["--max-offered-segments", str(options.max_offered_segments), "--no-has-rendering"]
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        try:
            return await _sample(process, learner, reward, seconds=options.minutes * 60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()  # what it would drain is of no use
            await process.wait()
            learning.cancel()
            await asyncio.gather(learning, return_exceptions=True)
            await server.stop(None)


async def _sample(
    process: asyncio.subprocess.Process, learner: LearnerStub, reward: _RewardStub, *, seconds: float
) -> list[tuple[float, float]]:
    samples: list[tuple[float, float]] = []
    async with asyncio.timeout(_START_S):
        await learner.wait_for(1, num_rollouts=1)
    started = time.monotonic()
    while (elapsed_s := time.monotonic() - started) < seconds:
        await asyncio.sleep(_SAMPLE_S)
        if process.returncode is not None:
            raise RuntimeError(f"the simulator ended with {process.returncode}")
        samples.append((elapsed_s + _SAMPLE_S, _resident_mb(process.pid)))
        if len(samples) % 6 == 0:
            print(
                f"  {samples[-1][0]:,.0f} s: {samples[-1][1]:,.1f} MB, {learner.num_steps:,} steps,"
                f" {reward.num_segments:,} segments offered, {reward.num_stored:,} stored",
                flush=True,
            )
    return samples


def _resident_mb(pid: int) -> float:
    """Return the resident memory of a process, 10^6 bytes."""
    with contextlib.suppress(StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024 / 1e6
    raise RuntimeError(f"process {pid} has ended")


def _print_verdict(task: str, samples: Sequence[tuple[float, float]]) -> bool:
    """Print a table and whether memory was flat after the warm-up, and return the latter."""
    warm_up_s = min(_WARM_UP_S, samples[-1][0] / 4)
    print(f"\n{task}, resident memory of the simulator\n\n| minutes | MB |\n| --- | --- |")
    for elapsed_s, resident_mb in samples[:: max(1, len(samples) // _ROWS)]:
        print(f"| {elapsed_s / 60:.1f} | {resident_mb:,.1f} |")
    settled = [resident_mb for elapsed_s, resident_mb in samples if elapsed_s > warm_up_s]
    middle, least, most = statistics.median(settled), min(settled), max(settled)
    quarter = max(1, len(settled) // 4)
    growth = statistics.mean(settled[-quarter:]) / statistics.mean(settled[:quarter]) - 1
    is_flat = most <= middle * (1 + _TOLERANCE) and least >= middle * (1 - _TOLERANCE)
    print(
        f"\n{'FLAT' if is_flat else 'NOT FLAT'}: after {warm_up_s / 60:.1f} minutes median {middle:,.1f} MB,"
        f" {least / middle - 1:+.1%} to {most / middle - 1:+.1%} ({_TOLERANCE:.0%} allowed); last quarter beside the"
        f" first {growth:+.1%}",
        flush=True,
    )
    return is_flat


def main(arguments: Sequence[str] = ()) -> int:
    """Soaks a simulator; gives 1 if its memory was not flat."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", default="hopper-backflip")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--max-offered-segments",
        type=int,
        default=500,
        help="fewer than by default, so that the ring is full within the warm-up",
    )
    options = parser.parse_args(arguments)
    print(f"soak of {options.task}: {describe_machine()}", flush=True)
    return 0 if _print_verdict(options.task, asyncio.run(_soak(options))) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
