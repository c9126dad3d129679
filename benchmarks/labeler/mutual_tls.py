"""What mutual TLS costs a lease and a submit: one labeler with an encrypted port and one in plaintext, called in turns.

python -m benchmarks.labeler.mutual_tls

Both ports are of one process and one database, so nothing else differs. Callers work side by side, each on a connection of its
own, as long as a block lasts; blocks alternate, so that a slow minute hits both.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.labeler import database_filler, servers
from benchmarks.measure import describe_machine
from somersault import rpc
from somersault.domain.roles import Identity
from somersault.runtime.urls import sqlite_url
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc, preference_pb2
from tests.certificates import Authority

__all__ = ["main"]

_NUM_LABELERS = 8
_TIMEOUT_S = 30
_PLAIN, _TLS = "plaintext", "mutual TLS"


class _Caller:
    """One labeler over one connection."""

    def __init__(self, address: str, number: int, certificates: Path | None) -> None:
        self._channel = rpc.open_channel(
            address,
            token=database_filler.token_of(number),
            certificates=certificates,
            peer=Identity.LABELER,
            has_own_connection=True,
        )
        self._stub: Any = labeler_pb2_grpc.LabelerServiceStub(self._channel)
        self._name = f"{number}-{id(self)}"
        self._num = 0

    async def connect(self) -> None:
        await self._channel.channel_ready()

    async def close(self) -> None:
        await self._channel.close(None)

    async def answer(self) -> float:
        """Lease and submit once and return the seconds of both."""
        begin_s = time.perf_counter()
        request = pb.LeaseQueriesRequest(run_id=database_filler.RUN_ID, count=1, lease_s=30)
        leases = (await self._stub.LeaseQueries(request, timeout=_TIMEOUT_S)).leases
        self._num += 1
        answer = pb.SubmitPreferenceRequest(
            lease_token=leases[0].lease_token,
            answer_id=f"{self._name}-{self._num}",
            preference=preference_pb2.PREFERENCE_LEFT,
            response_ms=2000,
        )
        await self._stub.SubmitPreference(answer, timeout=_TIMEOUT_S)
        return time.perf_counter() - begin_s


@dataclass(frozen=True, slots=True)
class _Block:
    """What a block of pairs took."""

    pair_s: float
    """The median."""
    server_s: float
    """Of the server's processor, a pair."""
    client_s: float
    """Of this process's, a pair."""


async def _block(callers: list[_Caller], server: servers.Server, *, num_pairs: int) -> _Block:
    """Answer so many queries, all callers side by side."""

    async def work(caller: _Caller) -> list[float]:
        return [await caller.answer() for _ in range(num_pairs // len(callers))]

    server_s, client_s = servers.cpu_s(server.pid), time.process_time()
    seconds = [each for part in await asyncio.gather(*map(work, callers)) for each in part]
    return _Block(
        statistics.median(seconds),
        (servers.cpu_s(server.pid) - server_s) / len(seconds),
        (time.process_time() - client_s) / len(seconds),
    )


async def _measure(
    server: servers.Server, certificates: Path, *, num_callers: int, num_rounds: int, num_pairs: int
) -> None:
    assert server.public_address is not None, "it was asked for"
    places = {_PLAIN: (server.public_address, None), _TLS: (server.address, certificates)}
    callers = {
        kind: [_Caller(address, number, shown) for number in range(num_callers)]
        for kind, (address, shown) in places.items()
    }
    for caller in itertools.chain.from_iterable(callers.values()):
        await caller.connect()
    found: dict[str, list[_Block]] = {kind: [] for kind in places}
    for number in range(num_rounds + 1):
        for kind in list(places)[:: 1 if number % 2 else -1]:
            result = await _block(callers[kind], server, num_pairs=num_pairs)
            if number:  # the first round warms up
                found[kind].append(result)
    for caller in itertools.chain.from_iterable(callers.values()):
        await caller.close()
    for kind, blocks in found.items():
        print(f"| {num_callers} | {kind} | " + " | ".join(_median_ms(blocks, what) for what in _WHAT) + " |")
    ratios = [_ratio(found, what) for what in _WHAT]
    print(f"| | mutual TLS beside plaintext | {' | '.join(ratios)} |", flush=True)


_WHAT = [field.name for field in fields(_Block)]


def _median_ms(blocks: list[_Block], what: str) -> str:
    return f"{statistics.median(getattr(block, what) for block in blocks) * 1e3:.2f}"


def _ratio(found: dict[str, list[_Block]], what: str) -> str:
    """Return the median of the rounds' ratios, and their quartiles."""
    ratios = [
        getattr(tls, what) / getattr(plain, what)
        for plain, tls in zip(found[_PLAIN], found[_TLS], strict=True)
    ]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.3f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Serve a labeler and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--pairs", type=int, default=40, help="pairs in each block")
    arguments = parser.parse_args()
    print(f"mutual TLS, lease and submit: {describe_machine()}")
    with tempfile.TemporaryDirectory() as name:
        folder, authority = Path(name), Authority()
        url = sqlite_url(folder / "labels.sqlite")
        num_ready = 2 * 2 * (arguments.rounds + 1) * arguments.pairs + 1000
        database_filler.fill(url, num_preferences=1000, num_ready=num_ready, num_labelers=_NUM_LABELERS + 1)
        # The gateway calls with its visitors' tokens.
        web = authority.write(folder / "web", "web")
        with servers.labeler(
            url, folder, certificates=authority.write(folder / "labeler", "labeler")
        ) as server:
            print("\n| callers | port | lease + submit, median ms | server's processor ms | caller's |")
            print("| --- | --- | --- | --- | --- |")
            for num_callers in (1, _NUM_LABELERS):
                asyncio.run(
                    _measure(
                        server,
                        web,
                        num_callers=num_callers,
                        num_rounds=arguments.rounds,
                        num_pairs=arguments.pairs,
                    )
                )


if __name__ == "__main__":
    main()
