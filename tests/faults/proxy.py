"""A TCP proxy on one edge between two services, whose connections can be delayed, stalled, cut and damaged."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Literal

__all__ = ["MODES", "Mode", "Proxy", "proxied"]

Mode = Literal["pass", "blackhole", "cut", "flip", "half_close", "http_503", "jitter", "slow", "stall"]
MODES: dict[Mode, str] = {
    "pass": "bytes pass",
    "blackhole": "nothing is read or sent any more, and new connections are taken and left alone",
    "cut": "connections are reset, and new ones refused by a reset",
    "flip": "one bit of about every hundredth chunk that comes back is flipped",
    "half_close": "what goes to the server ends with FIN; what comes back passes",
    "http_503": "each connection gets an HTTP answer 503 and is closed",
    "jitter": "each chunk is held for 75 ± 50 ms",
    "slow": "20 kB/s",
    "stall": "bytes are read and held back until the mode changes, then sent",
}
_CHUNK_BYTES = 64 * 1024
_SLOW_BYTES_PER_S = 20_000
_503 = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Passes connections on to one address; `set` changes what happens to all of them, open ones too."""

    def __init__(self, port: int | Callable[[], int], *, seed: int = 0) -> None:
        """Pass on to that port of this machine, or to what it is when a connection comes."""
        self._target = port if callable(port) else lambda: port
        self._random = random.Random(seed)
        self._mode: Mode = "pass"
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, limit=_CHUNK_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    def set(self, mode: Mode) -> None:
        """Change what happens, from now on."""
        self._mode = mode
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        if mode in ("cut", "http_503"):
            for writer in list(self._writers):
                writer.transport.abort()

    async def close(self) -> None:
        """Close every connection."""
        self._server.close()
        self.set("cut")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self._mode == "blackhole":
            await self._changed.wait()
        if self._mode == "cut":
            return
        if self._mode == "http_503":
            await reader.read(_CHUNK_BYTES)
            writer.write(_503)
            await writer.drain()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._target())
        self._writers.add(back)
        try:
            await asyncio.gather(
                self._pump(reader, back, is_reply=False), self._pump(there, writer, is_reply=True)
            )
        finally:
            back.transport.abort()
            self._writers.discard(back)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_reply: bool
    ) -> None:
        while True:
            reading = asyncio.ensure_future(reader.read(_CHUNK_BYTES))
            while not reading.done():
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({reading, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if (
                    self._mode == "half_close"
                    and not is_reply
                    and not reading.done()
                    and writer.can_write_eof()
                ):
                    reading.cancel()
                    writer.write_eof()
                    return
            if not (chunk := reading.result()):
                break
            await self._hold(chunk)
            writer.write(self._damaged(chunk) if self._mode == "flip" and is_reply else chunk)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def _hold(self, chunk: bytes) -> None:
        if self._mode == "jitter":
            await asyncio.sleep(self._random.uniform(0.025, 0.125))
        elif self._mode == "slow":
            await asyncio.sleep(len(chunk) / _SLOW_BYTES_PER_S)
        while self._mode in ("stall", "blackhole"):
            await self._changed.wait()

    def _damaged(self, chunk: bytes) -> bytes:
        if self._random.random() > 0.01:
            return chunk
        damaged = bytearray(chunk)
        damaged[self._random.randrange(len(damaged))] ^= 1 << self._random.randrange(8)
        return bytes(damaged)


@contextlib.asynccontextmanager
async def proxied(port: int, *, seed: int = 0) -> AsyncIterator[Proxy]:
    """Yield a proxy in front of a port."""
    proxy = Proxy(port, seed=seed)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
