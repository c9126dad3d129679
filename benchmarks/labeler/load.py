"""How the labeler holds under many labelers, stalled peers and a million answers, on SQLite and on PostgreSQL.

python -m benchmarks.labeler.load

Every labeler has a connection of its own and does what a person's page does: leases a pair, answers it; both are on
disk when the call returns. Beside it, in the same run and by the same clients, a bare ``grpc.aio`` echo is called twice
a pair: what clients, network and gRPC cost on this machine by themselves. Contestants take turns.

A server that has just started is warmed up for 6 s before it is measured: connections to the database, statements.

Paced: each labeler begins a pair every 4 s, 15 a minute, at moments of its own. A person takes about 3 s for a pair.
Closed loop: each begins the next pair when the last is done, which no person does; it gives the throughput.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.labeler import (
    database_filler,
    load_processes,
    pgbench,
    servers,
)
from benchmarks.labeler.clients import Plan, Samples
from benchmarks.labeler.servers import Server
from benchmarks.measure import describe_machine
from somersault.runtime.urls import sqlite_url

__all__ = ["main"]

PERIOD_S = 4.0
_NUM_LABELERS = 500
_NUM_READY = 20_000
_NUM_PROCESSES = 2
_NUM_STALLED = 500
_FEW, _MANY = 1_000, 1_000_000
_PGBENCH_CLIENTS = (1, 8, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """How many labelers do what for how long."""

    num_labelers: int
    period_s: float
    seconds: float

    @property
    def title(self) -> str:
        pace = "paced" if self.period_s else "closed loop"
        return f"{self.num_labelers} labelers, {pace}"


_PACED_100 = _Load(num_labelers=100, period_s=PERIOD_S, seconds=24)
_PACED_500 = _Load(num_labelers=500, period_s=PERIOD_S, seconds=12)
_WARM_UP = _Load(num_labelers=100, period_s=PERIOD_S, seconds=6)
_CLOSED_100 = _Load(num_labelers=100, period_s=0, seconds=5)
_CLOSED_500 = _Load(num_labelers=500, period_s=0, seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What a load came to."""

    samples: Samples
    seconds: float
    server_cpu_s: float

    def row(self) -> str:
        """Return the cells of a table."""
        samples = self.samples
        cells = [f"{len(samples.pair) / self.seconds:,.1f}"]
        cells += [_percentiles(each) for each in (samples.lease, samples.submit, samples.pair)]
        cells += [f"{self.server_cpu_s / max(len(samples.pair), 1) * 1e3:.2f}"]
        cells += [f"{samples.num_failed}, {samples.num_empty} {samples.last_failure}".strip()]
        return " | ".join(cells)


_HEAD = (
    "| server | pairs/s | lease ms, p50 / p99 | submit ms | pair ms | server's CPU ms a pair | failed, empty |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def _percentiles(seconds: list[float]) -> str:
    if not seconds:
        return "–"
    middle, high = np.percentile(np.array(seconds) * 1e3, [50, 99])
    return f"{middle:.1f} / {high:.1f}"


class _Bench:
    """Loads servers one after another."""

    def __init__(self) -> None:
        self._num_loads = 0
        self._warm: set[int] = set()

    def load(self, server: Server, load: _Load, *, is_echo: bool = False) -> _Result:
        """Has labelers of several processes work at a server, which is warmed up before its first load."""
        if server.pid not in self._warm:
            self._warm.add(server.pid)
            self.load(server, _WARM_UP, is_echo=is_echo)
        self._num_loads += 1
        with contextlib.ExitStack() as stack:
            processes = [
                stack.enter_context(load_processes.started(self._plan(server, load, part, is_echo=is_echo)))
                for part in range(_NUM_PROCESSES)
            ]
            for process in processes:
                load_processes.expect(process, "ready")
            before_s, begin_s = servers.cpu_s(server.pid), time.perf_counter()
            for process in processes:
                load_processes.say(process, "go")
            parts = [Samples(**json.loads(load_processes.heard(process))) for process in processes]
            # Closed loops end with the pair that was begun last, paced ones with the last pair that was due.
            seconds = time.perf_counter() - begin_s if not load.period_s else load.seconds
            cpu_s = servers.cpu_s(server.pid) - before_s
        return _Result(samples=_joined(parts), seconds=seconds, server_cpu_s=cpu_s)

    def _plan(self, server: Server, load: _Load, part: int, *, is_echo: bool) -> Plan:
        return Plan(
            address=server.address,
            tokens=[
                database_filler.token_of(number) for number in range(part, load.num_labelers, _NUM_PROCESSES)
            ],
            is_echo=is_echo,
            run_id=database_filler.RUN_ID,
            seconds=load.seconds,
            period_s=load.period_s,
            name=f"b{os.getpid()}-{self._num_loads}-{part}",
        )


def _joined(parts: list[Samples]) -> Samples:
    return Samples(
        lease=[value for part in parts for value in part.lease],
        submit=[value for part in parts for value in part.submit],
        pair=[value for part in parts for value in part.pair],
        num_empty=sum(part.num_empty for part in parts),
        num_failed=sum(part.num_failed for part in parts),
        last_failure=next((part.last_failure for part in parts if part.last_failure), ""),
    )


@contextlib.contextmanager
def serving(*, num_preferences: int, tree: Path | None = None) -> Iterator[dict[str, Server]]:
    """Serve one labeler per database, each filled with so many preferences."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {"SQLite": sqlite_url(folder / "labels.sqlite")}
        if servers.has_postgresql():
            urls["PostgreSQL"] = stack.enter_context(servers.postgresql())
        for name, url in urls.items():
            begin_s = time.perf_counter()
            database_filler.fill(
                url, num_preferences=num_preferences, num_ready=_NUM_READY, num_labelers=_NUM_LABELERS + 1
            )
            print(
                f"  {name}: {num_preferences:,} preferences in {time.perf_counter() - begin_s:.0f} s",
                flush=True,
            )
        yield {
            name: stack.enter_context(servers.labeler(url, folder, tree=tree)) for name, url in urls.items()
        }


def _measure_load(bench: _Bench, servers: Mapping[str, Server], echo: Server) -> None:
    for load in (_PACED_100, _PACED_500, _CLOSED_100, _CLOSED_500):
        print(f"\n{load.title}\n\n{_HEAD}")
        print(f"| echo | {bench.load(echo, load, is_echo=True).row()} |", flush=True)
        for name, server in servers.items():
            print(f"| {name} | {bench.load(server, load).row()} |", flush=True)


def _measure_pgbench(servers: Mapping[str, Server]) -> None:
    """Have PostgreSQL do a pair's statements by itself, each call in a transaction of its own."""
    if "PostgreSQL" in servers:
        url = servers["PostgreSQL"].database_url
        for num_clients in _PGBENCH_CLIENTS:
            told = pgbench.measure(url, num_clients=num_clients, seconds=5)
            print(f"\npgbench of the same statements, {num_clients} clients: {told}", flush=True)


def _measure_stalled(bench: _Bench, servers: Mapping[str, Server]) -> None:
    print(f"\n{_PACED_100.title}, without and with {_NUM_STALLED} stalled peers\n\n{_HEAD}")
    for name, server in servers.items():
        print(f"| {name} | {bench.load(server, _PACED_100).row()} |", flush=True)
        with load_processes.stalled(
            server.address, num=_NUM_STALLED, token=database_filler.token_of(_NUM_LABELERS)
        ):
            print(f"| {name}, stalled | {bench.load(server, _PACED_100).row()} |", flush=True)


def _measure_many(
    bench: _Bench, few: Mapping[str, Server], many: Mapping[str, Server], *, num_rounds: int
) -> None:
    """Compare medians of rounds in turns; below saturation, so that waiting for each other plays no part."""
    for name in few:
        ratios: dict[str, list[float]] = {"lease": [], "submit": [], "pair": []}
        print(f"\n{_PACED_100.title}, {_FEW:,} and {_MANY:,} preferences, {name}\n\n{_HEAD}")
        for _ in range(num_rounds):
            one, other = (bench.load(servers[name], _PACED_100) for servers in (few, many))
            print(f"| {_FEW:,} | {one.row()} |\n| {_MANY:,} | {other.row()} |", flush=True)
            for call, values in ratios.items():
                values.append(
                    float(np.median(getattr(other.samples, call)) / np.median(getattr(one.samples, call)))
                )
        told = ", ".join(f"{call} {np.median(values):.2f} x" for call, values in ratios.items())
        print(f"\nmedian of rounds of p50 at {_MANY:,} beside {_FEW:,}: {told}", flush=True)


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--parts", nargs="+", choices=("load", "stalled", "many"), default=["load", "stalled", "many"]
    )
    parser.add_argument("--rounds", type=int, default=3, help="of the comparison with a million")
    arguments = parser.parse_args()
    print(f"{describe_machine()}; load average {os.getloadavg()[0]:.1f} at the start")
    bench = _Bench()
    with serving(num_preferences=_FEW) as few:
        if "load" in arguments.parts:
            with servers.echo() as echo:
                _measure_load(bench, few, echo)
            _measure_pgbench(few)
        if "stalled" in arguments.parts:
            _measure_stalled(bench, few)
        if "many" in arguments.parts:
            with serving(num_preferences=_MANY) as many:
                _measure_many(bench, few, many, num_rounds=arguments.rounds)
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
