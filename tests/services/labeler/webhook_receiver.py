"""A receiver of webhooks on this machine: a real HTTP server that keeps what it was sent and answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.docs.documents import ROOT, read

__all__ = ["Receiver", "Request", "documented_check", "receiving"]


@dataclass
class Request:
    """What came, and what was answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    answered: int

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the log in it."""
        return list(json.loads(self.body)["data"]["rows"])


@dataclass
class Receiver:
    """Answers 200, or what it is told."""

    requests: list[Request] = field(default_factory=list)
    answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    delay_s: float = 0
    url: str = ""

    @property
    def taken(self) -> list[Request]:
        """Those that were answered with 200."""
        return [request for request in self.requests if request.answered == 200]

    @property
    def cursors(self) -> list[int]:
        """The positions of all rows taken, in the order in which they came."""
        return [row["cursor"] for request in self.taken for row in request.rows]

    def fail(self, status: int, *headers: str) -> None:
        """Answers with a status from now on."""
        lines = [f"HTTP/1.1 {status} Told", "content-length: 0", *headers]
        self.answer = ("\r\n".join(lines) + "\r\n\r\n").encode()

    def heal(self) -> None:
        """Answers 200 from now on, at once."""
        self.fail(200)
        self.delay_s = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            named = (line.partition(": ") for line in head[1:])
            headers = {name.lower(): value for name, _, value in named}
            body = await reader.readexactly(int(headers["content-length"]))
            answer = self.answer
            self.requests.append(Request(head[0].split(" ")[1], headers, body, int(answer.split(b" ")[1])))
            await asyncio.sleep(self.delay_s)
            writer.write(answer)
            await writer.drain()


@contextlib.asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Serves a receiver on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    receiver.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()


def documented_check() -> Callable[[str, dict[str, str], bytes], bool]:
    """Gives the function that docs/webhooks.md tells receivers to check signatures with, as it stands there."""
    (block,) = re.findall(
        r"^```text\n(import .*?)^```$", read(ROOT / "docs/webhooks.md").text, re.DOTALL | re.MULTILINE
    )
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - our own page
    check: Callable[[str, dict[str, str], bytes], bool] = names["is_signed"]
    return check
