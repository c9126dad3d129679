"""A bare grpc.aio server that sends back what it gets: ``python -m benchmarks.peers.echo_server PORT``."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
import grpc.aio

from benchmarks.labeler.clients import ECHO_METHOD


async def _echo(request: bytes, _context: Any) -> bytes:
    return request


async def _serve(port: int) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    service, method = ECHO_METHOD.strip("/").split("/")
    handler = grpc.method_handlers_generic_handler(
        service, {method: grpc.unary_unary_rpc_method_handler(_echo)}
    )
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
