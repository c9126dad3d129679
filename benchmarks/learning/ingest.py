"""One learner stub fed by 1, 2, 4 and 8 simulator processes: how its ingest grows, where it saturates, bytes a step.

python -m benchmarks.learning.ingest

The learner's side is the real conversation and collector in this process; it trains nothing. Fed by real simulators
the simulators are what saturates, so there are also replayers, which send one rollout again and again over the same
stream: they show what the learner's side can take.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.learning.learner_stub import LearnerStub, serving
from benchmarks.learning.network_namespaces import Network, loopback, namespaces
from benchmarks.measure import describe_machine
from somersault.runtime import allocator
from somersault.tasks import get_task

__all__ = ["main"]

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class _Feed:
    """What feeds the learner."""

    title: str
    module: str
    task: str
    rollout_steps: int
    num_environments: int
    options: tuple[str, ...] = ()


_FEEDS = {
    "simulators": _Feed(
        "hopper-backflip simulators, 64 x 64 steps",
        "services.simulator",
        "hopper-backflip",
        64,
        64,
        ("--reward-address", "null", "--no-has-rendering"),
    ),
    "vectors": _Feed(
        "replayed vectors, 64 x 64 steps", "benchmarks.learning.replayer", "hopper-backflip", 64, 64
    ),
    "pictures": _Feed("replayed pictures, 128 x 16 steps", "benchmarks.learning.replayer", "pong", 128, 16),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measure:
    """What one feeding came to."""

    steps_per_s: float
    mb_per_s: float
    """Up and down together, 10^6 bytes."""
    bytes_up: float
    """A step."""
    bytes_down: float
    """A step; nearly all of it policy."""
    learner_cpu_s: float
    """Processor seconds of this process a million steps."""
    simulator_cpu_s: float
    """The same of all simulators together."""
    busy: float
    """Processors that the learner's side kept busy; its event loop is one thread."""
    batch: float
    """Mean rollouts a batch."""
    lag: float
    """Mean age of a rollout when taken, policy versions."""
    fairness: float
    """Rollouts of the simulator with the fewest beside those of the one with the most."""


async def _measure(feed: _Feed, network: Network, *, seconds: float) -> _Measure:
    """Feed a stub until every process has delivered three rollouts, and then for so many seconds."""
    task = get_task(feed.task)
    stub = LearnerStub(  # type: ignore[abstract]  # a benchmark asks it for nothing else
        task.spec, rollout_steps=feed.rollout_steps
    )
    async with serving(stub, host=network.host) as port:
        with tempfile.TemporaryDirectory() as folder, _started(feed, network, port, folder) as processes:
            async with asyncio.timeout(180):
                await stub.wait_for(len(processes), num_rollouts=3)
            before = _Reading.of(stub, processes)
            await asyncio.sleep(seconds)
            # A busy machine may not have made one rollout each by then.
            await stub.wait_for(len(processes), num_rollouts=min(before.rollouts.values()) + 4)
            after = _Reading.of(stub, processes)
    return _difference(stub, before, after)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Counters of one moment."""

    time_s: float
    num_steps: int
    num_batches: int
    rollouts: Counter[str]
    lags: Counter[int]
    learner_cpu_s: float
    simulator_cpu_s: float

    @staticmethod
    def of(stub: LearnerStub, processes: Sequence[subprocess.Popen[bytes]]) -> _Reading:
        """Read them."""
        return _Reading(
            time.perf_counter(),
            stub.num_steps,
            stub.num_batches,
            Counter(stub.rollouts_by_life),
            Counter(stub.lags),
            time.process_time(),
            sum(_cpu_s(process.pid) for process in processes),
        )


def _difference(stub: LearnerStub, before: _Reading, after: _Reading) -> _Measure:
    elapsed_s = after.time_s - before.time_s
    num_steps = after.num_steps - before.num_steps
    rollouts = {name: count - before.rollouts[name] for name, count in after.rollouts.items()}
    lags = {lag: count - before.lags[lag] for lag, count in after.lags.items()}
    num_rollouts = sum(rollouts.values())
    bytes_up = stub.rollout_bytes * num_rollouts / num_steps
    # A policy goes down with each assignment here, since a version is published after each batch.
    bytes_down = len(stub.weights) * num_rollouts / num_steps
    learner_cpu_s = after.learner_cpu_s - before.learner_cpu_s
    return _Measure(
        steps_per_s=num_steps / elapsed_s,
        mb_per_s=(bytes_up + bytes_down) * num_steps / elapsed_s / 1e6,
        bytes_up=bytes_up,
        bytes_down=bytes_down,
        learner_cpu_s=learner_cpu_s / num_steps * 1e6,
        simulator_cpu_s=(after.simulator_cpu_s - before.simulator_cpu_s) / num_steps * 1e6,
        busy=learner_cpu_s / elapsed_s,
        batch=num_rollouts / (after.num_batches - before.num_batches),
        lag=sum(lag * count for lag, count in lags.items()) / num_rollouts,
        fairness=min(rollouts.values()) / max(rollouts.values()),
    )


@contextlib.contextmanager
def _started(
    feed: _Feed, network: Network, port: int, folder: str
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start the processes, each in its own network, and end them."""
    processes = []
    try:
        for number, prefix in enumerate(network.prefixes):
            command = [*prefix, sys.executable, "-m", feed.module, "--task", feed.task]
            command += ["--learner-address", f"{network.host}:{port}", "--simulator-id", f"s-{number}"]
            command += ["--num-environments", str(feed.num_environments), *feed.options]
            if feed.module == "services.simulator":
                command += ["--storage-url", Path(folder).as_uri(), "--is-plaintext-allowed"]
            processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)


def _cpu_s(pid: int) -> float:
    """Return the processor seconds a process has used, its threads included."""
    columns = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(columns[11]) + int(columns[12])) / _CLOCK_TICKS


def _print_table(title: str, measures: dict[int, list[_Measure]]) -> None:
    print(f"\n{title}, medians\n")
    print(
        "| processes | steps/s | MB/s | bytes a step up | down | learner CPU s / M steps | simulators CPU s / M steps"
        " | learner's processors busy | rollouts a batch | lag | least / most share |"
    )
    print("|" + " --- |" * 11)
    for count, rows in measures.items():
        middle = [statistics.median(getattr(row, field.name) for row in rows) for field in fields(_Measure)]
        steps, megabytes, up, down, learner, simulators, busy, batch, lag, fairness = middle
        print(
            f"| {count} | {steps:,.0f} | {megabytes:,.1f} | {up:,.0f} | {down:,.0f} | {learner:.2f} |"
            f" {simulators:.1f} | {busy:.2f} | {batch:.1f} | {lag:.1f} | {fairness:.2f} |"
        )
    print(flush=True)


def main(arguments: Sequence[str] = ()) -> None:
    """Measure all in turns, several rounds, and print a table for each feed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--feeds", default=",".join(_FEEDS), help="some of " + ", ".join(_FEEDS))
    parser.add_argument("--counts", default="1,2,4,8", help="numbers of processes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--loopback", action="store_true", help="even where namespaces are allowed")
    options = parser.parse_args(arguments)
    counts = [int(count) for count in options.counts.split(",")]
    names = options.feeds.split(",")
    print(f"ingest: {describe_machine()}")
    measures: dict[str, dict[int, list[_Measure]]] = {name: {count: [] for count in counts} for name in names}
    allocator.keep_freed_memory()  # as services do
    title = ""
    for number in range(options.rounds):
        for name in names:
            for count in counts:
                chosen = contextlib.nullcontext(loopback(count)) if options.loopback else namespaces(count)
                with chosen as network:
                    title = network.title
                    measure = asyncio.run(_measure(_FEEDS[name], network, seconds=options.seconds))
                measures[name][count].append(measure)
                print(
                    f"  round {number + 1}/{options.rounds}: {name} x {count}: {measure.steps_per_s:,.0f}",
                    flush=True,
                )
    for name in names:
        _print_table(f"{_FEEDS[name].title}, {title}", measures[name])


if __name__ == "__main__":
    main(sys.argv[1:])
