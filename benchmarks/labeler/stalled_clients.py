"""Clients that ask and never listen: ``python -m benchmarks.labeler.stalled_clients ADDRESS SERVICE_TOKEN LABELER_TOKEN NUM``.

Streams of the preference log that are never read, long polls of a run that has no query, and connections that stop
half way through the handshake, a third each. Says ``ready`` when all are there, and ends when standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

import grpc.aio

from benchmarks.labeler.database_filler import EMPTY_RUN_ID, RUN_ID
from somersault import rpc
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc

_HALF_A_PREFACE = b"PRI * HTTP/2.0\r\n"
_WAIT_S = 30  # the longest poll there is


async def _stream(address: str, token: str) -> None:
    """Open a stream of the log from its beginning and take nothing from it."""
    async with rpc.open_channel(address, token=token, has_own_connection=True) as channel:
        stub: Any = labeler_pb2_grpc.LabelerServiceStub(channel)
        while True:
            call = stub.WatchPreferences(pb.WatchPreferencesRequest(run_id=RUN_ID))
            with contextlib.suppress(grpc.aio.AioRpcError):  # connecting may time out while all do it at once
                await call.initial_metadata()
                await asyncio.Event().wait()


async def _poll(address: str, token: str) -> None:
    """Wait for a query that never comes, again and again."""
    async with rpc.open_channel(address, token=token, has_own_connection=True) as channel:
        stub: Any = labeler_pb2_grpc.LabelerServiceStub(channel)
        while True:
            request = pb.LeaseQueriesRequest(run_id=EMPTY_RUN_ID, count=1, wait_s=_WAIT_S)
            with contextlib.suppress(grpc.aio.AioRpcError):
                await stub.LeaseQueries(request)


async def _shake_half(address: str) -> None:
    """Connect, says half of the first words, and connects anew when it is hung up on."""
    host, _, port = address.rpartition(":")
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(_HALF_A_PREFACE)
            while await reader.read(4096):
                pass
            writer.close()
        await asyncio.sleep(0.1)


async def _run(address: str, service_token: str, labeler_token: str, *, num_peers: int) -> None:
    kinds = (
        lambda: _stream(address, service_token),
        lambda: _poll(address, labeler_token),
        lambda: _shake_half(address),
    )
    async with asyncio.TaskGroup() as group:
        peers = []
        for number in range(num_peers):
            peers.append(group.create_task(kinds[number % len(kinds)]()))
            await asyncio.sleep(0.005)
        await asyncio.sleep(2)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for peer in peers:
            peer.cancel()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], sys.argv[2], sys.argv[3], num_peers=int(sys.argv[4])))
