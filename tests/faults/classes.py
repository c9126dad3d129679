"""The classes of faults, as in the table of docs/faults.md: what is done in a trial of each, and what must hold."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from somersault.runtime.failpoints import POINTS
from tests.faults import needs
from tests.faults.command import SERVICES
from tests.faults.edges import EDGES
from tests.faults.faults import Fault, FaultClass, Outcome, Try
from tests.faults.labeler_stage import LabelerStage, Setting
from tests.faults.proxy import Mode
from tests.faults.run_stage import RunStage

__all__ = ["CLASSES"]

_NUM_KILLS = 20
_COMMITS = (
    "labeler.commit.before",
    "labeler.commit.after",
    "labeler.answer.reply",
    "labeler.queries.reply",
    "",
)
_NETWORK: tuple[Mode, ...] = ("blackhole", "cut", "half_close", "jitter", "stall")
_STORE: tuple[Mode, ...] = ("cut", "blackhole", "http_503", "slow", "flip")
_NUM_ROUNDS = 5
_SHARED_POINTS = ("checkpoint.stored", "store.file.written", "store.file.renamed")
LEASE_S = 1.0


def _on(setting: Callable[[Path], Setting]) -> Try:
    async def try_out(faults: Sequence[Fault], seed: int, folder: Path) -> Outcome:
        return await LabelerStage(setting(folder), folder, seed).play(faults)

    return try_out


def _failpoint(generator: random.Random) -> str:
    point = generator.choice(_COMMITS)
    return f"{point}=kill@{generator.randint(1, 9)}" if point else ""


def _kills(generator: random.Random, *, num: int = _NUM_KILLS, num_replicas: int = 1) -> Iterator[Fault]:
    for _ in range(num):
        yield Fault(
            kind="kill",
            target=f"labeler-{generator.randrange(num_replicas)}",
            after_s=generator.uniform(0, 0.2),
            for_s=generator.uniform(0, 0.5),
            detail=_failpoint(generator),
        )


def _kills_on_postgresql(generator: random.Random) -> Iterator[Fault]:
    for kill in _kills(generator, num=_NUM_KILLS // 2, num_replicas=2):
        yield kill
        if generator.random() < 0.4:
            after_s, for_s = generator.uniform(0, 0.3), generator.uniform(0, 1)
            yield Fault(kind="crash", target="postgresql", after_s=after_s, for_s=for_s)


def _failovers(generator: random.Random) -> Iterator[Fault]:
    for kill in _kills(generator, num=3, num_replicas=2):
        yield Fault(kind="crash", target="postgresql", after_s=generator.uniform(0.2, 1))
        yield kill


def _stops(generator: random.Random) -> Iterator[Fault]:
    for number in range(4):
        for_s = generator.uniform(1.2, 3.5) * LEASE_S
        yield Fault(
            kind="stop", target=f"labeler-{number % 2}", after_s=generator.uniform(0.1, 0.5), for_s=for_s
        )


def _network(generator: random.Random) -> Iterator[Fault]:
    for mode in generator.sample(_NETWORK, k=len(_NETWORK)):
        target = "edge-0"
        yield Fault(
            kind=mode, target=target, after_s=generator.uniform(0.1, 0.5), for_s=generator.uniform(0.5, 4)
        )


def _all_on_replicas(generator: random.Random) -> Iterator[Fault]:
    faults = [
        *_kills(generator, num=3, num_replicas=2),
        *list(_stops(generator))[:2],
        *list(_network(generator))[:3],
    ]
    yield from generator.sample(faults, k=len(faults))


def _clocks(generator: random.Random) -> Iterator[Fault]:
    for offset in generator.sample(("+1h", "-1h", "+0", "+61m", "-3601s"), k=5):
        yield Fault(kind="clock", target="labeler-0", after_s=generator.uniform(1.5, 3), detail=offset)


def _slow_disk(generator: random.Random) -> Iterator[Fault]:
    for _ in range(2):
        yield Fault(
            kind="slow_disk",
            target="labeler-0",
            after_s=generator.uniform(0.1, 0.5),
            for_s=generator.uniform(3, 6),
        )


def _full_disk(generator: random.Random) -> Iterator[Fault]:
    for _ in range(3):
        yield Fault(
            kind="full_disk",
            target="labeler-0",
            after_s=generator.uniform(0.2, 0.6),
            for_s=generator.uniform(0.5, 3),
        )
        yield from _kills(generator, num=1)


def _run_kills(generator: random.Random) -> Iterator[Fault]:
    """Kill each service of a run in turn, most of them at failpoints, and now and then whoever writes, and the command."""
    kills = [
        _kill_of(service, generator, _points_of(service))
        for _ in range(_NUM_ROUNDS)
        for service in generator.sample(SERVICES, k=len(SERVICES))
    ]
    others = [_kill_of("any", generator, _SHARED_POINTS) for _ in range(2)]
    for other in (*others, _kill_of("command", generator, _points_of("run"))):
        kills.insert(generator.randrange(len(kills)), other)
    yield from kills


def _points_of(service: str) -> list[str]:
    return [point for point in POINTS if point.startswith(f"{service}.")]


def _kill_of(target: str, generator: random.Random, points: Sequence[str]) -> Fault:
    point = generator.choice([*points, ""]) if target != "any" else generator.choice(points)
    return Fault(
        kind="kill",
        target=target,
        after_s=generator.uniform(0, 0.5),
        for_s=generator.uniform(1.5, 3) if point else 0,
        detail=f"{point}=kill@{generator.randint(1, 2)}" if point else "",
    )


def _stopped_services(generator: random.Random) -> Iterator[Fault]:
    for service in generator.sample(SERVICES, k=len(SERVICES)):
        yield Fault(
            kind="stop", target=service, after_s=generator.uniform(0, 1), for_s=generator.uniform(1, 6)
        )


def _store_faults(generator: random.Random) -> Iterator[Fault]:
    for mode in generator.sample((*_STORE, "kill"), k=len(_STORE) + 1):
        yield Fault(kind=mode, target="store", after_s=generator.uniform(0, 1), for_s=generator.uniform(1, 5))
        service = generator.choice(SERVICES)
        yield _kill_of(service, generator, [*_points_of(service), *_points_of("store.object")])


def _cut_edges(generator: random.Random) -> Iterator[Fault]:
    for edge in generator.sample(EDGES, k=len(EDGES)):
        mode = generator.choice(_NETWORK)
        yield Fault(kind=mode, target=edge, after_s=generator.uniform(0, 1), for_s=generator.uniform(1, 5))


def _in_a_run(*, on_s3: bool = False, has_edges: bool = False) -> Try:
    async def try_out(faults: Sequence[Fault], seed: int, folder: Path) -> Outcome:
        return await RunStage(folder, seed, on_s3=on_s3, has_edges=has_edges).play(faults)

    return try_out


def _with_clock(folder: Path) -> Setting:
    clock = folder / "clock"
    clock.write_text("+0\n")
    return Setting(
        environment={
            "LD_PRELOAD": str(needs.faketime_library()),
            "FAKETIME_TIMESTAMP_FILE": str(clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    )


_NOTHING_LOST = "0 acknowledged answers lost, 0 doubled; ready in 5 s at p99"

CLASSES: tuple[FaultClass, ...] = (
    FaultClass(
        name="kills",
        what="kill -9 of the labeler at failpoints and at any time",
        target=_NOTHING_LOST,
        plan=lambda generator: tuple(_kills(generator)),
        try_out=_on(lambda _: Setting()),
    ),
    FaultClass(
        name="kills-postgresql",
        what="kill -9 of two replicas and immediate stops of their PostgreSQL server",
        target=_NOTHING_LOST,
        plan=lambda generator: tuple(_kills_on_postgresql(generator)),
        try_out=_on(lambda _: Setting(num_replicas=2, on_postgresql=True)),
        needs=needs.needs_postgresql,
    ),
    FaultClass(
        name="failover",
        what="PostgreSQL crashes, and its synchronous standby takes over; kill -9 of two replicas",
        target=_NOTHING_LOST,
        plan=lambda generator: tuple(_failovers(generator)),
        try_out=_on(lambda _: Setting(num_replicas=2, has_standby=True)),
        needs=needs.needs_postgresql,
    ),
    FaultClass(
        name="stops",
        what="SIGSTOP of one of two replicas past its leases",
        target="a stale token never counts twice",
        plan=lambda generator: tuple(_stops(generator)),
        try_out=_on(lambda _: Setting(num_replicas=2, on_postgresql=True)),
        needs=needs.needs_postgresql,
    ),
    FaultClass(
        name="network",
        what="the edge to a labeler: blackhole, cut, half-close, 75 ± 50 ms, stall",
        target="an answer within 5 s after healing",
        plan=lambda generator: tuple(_network(generator)),
        try_out=_on(lambda _: Setting(has_proxies=True)),
        needs=needs.needs_postgresql,
    ),
    FaultClass(
        name="history",
        what="kills, stops and cut edges of two replicas while labelers fight for few queries",
        target="the history of leases and answers of each query is linearizable",
        plan=lambda generator: tuple(_all_on_replicas(generator)),
        try_out=_on(
            lambda _: Setting(num_replicas=2, on_postgresql=True, has_proxies=True, has_history=True)
        ),
        needs=needs.needs_postgresql,
    ),
    FaultClass(
        name="clocks",
        what="the labeler's clock, and so SQLite's, an hour off and jumping",
        target="nothing lost or doubled, the log in order, answers go on",
        plan=lambda generator: tuple(_clocks(generator)),
        try_out=_on(_with_clock),
        needs=needs.needs_faketime,
    ),
    FaultClass(
        name="slow-disk",
        what="each fsync takes 500 ms longer",
        target="answers within 2 s at p99",
        plan=lambda generator: tuple(_slow_disk(generator)),
        try_out=_on(lambda _: Setting()),
        needs=needs.needs_strace,
    ),
    FaultClass(
        name="full-disk",
        what="a file system of 16 MB that is full for a while, and kills",
        target="a clear refusal, nothing half done, heals by itself",
        plan=lambda generator: tuple(_full_disk(generator)),
        try_out=_on(lambda _: Setting(disk_bytes=16 << 20)),
        needs=needs.needs_root,
    ),
    FaultClass(
        name="run-kills",
        what="kill -9 of the services of a whole run and of its command, at failpoints and at any time",
        target=f"{_NOTHING_LOST}; at most 60 s of learning lost; the run ends normally",
        plan=lambda generator: tuple(_run_kills(generator)),
        try_out=_in_a_run(),
    ),
    FaultClass(
        name="run-stops",
        what="SIGSTOP of services of a whole run",
        target="nothing lost or doubled; the run ends normally",
        plan=lambda generator: tuple(_stopped_services(generator)),
        try_out=_in_a_run(),
    ),
    FaultClass(
        name="run-store",
        what="S3 of a whole run killed, away, slow, answering 503 or with flipped bits, and kills",
        target="nothing lost or doubled, nothing unverified shown; the run ends normally",
        plan=lambda generator: tuple(_store_faults(generator)),
        try_out=_in_a_run(on_s3=True),
    ),
    FaultClass(
        name="run-network",
        what="each edge between the services of a whole run: blackhole, cut, half-close, 75 ± 50 ms, stall",
        target="an answer within 5 s after healing; the run ends normally",
        plan=lambda generator: tuple(_cut_edges(generator)),
        try_out=_in_a_run(has_edges=True),
    ),
)
