"""A receiver of webhooks on this machine, a real HTTP server that answers as it is told; and what its tests share."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2 as pb
from tests.docs.documents import ROOT, read
from tests.services.labeler.judging import answer
from tests.services.labeler.running import RUN_ID, RunningLabeler, until

__all__ = [
    "Receiver",
    "Request",
    "answer_each",
    "create_webhook",
    "documented_check",
    "documented_take",
    "list_webhooks",
    "only_webhook",
    "receiving",
    "until_noted",
]


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
        """Answer with a status from now on."""
        lines = [f"HTTP/1.1 {status} Told", "content-length: 0", *headers]
        self.answer = ("\r\n".join(lines) + "\r\n\r\n").encode()

    def heal(self) -> None:
        """Answer 200 from now on, at once."""
        self.fail(200)
        self.delay_s = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
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
    """Serve a receiver on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    receiver.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()


def documented_check() -> Callable[[str, dict[str, str], bytes], bool]:
    """Return the function that docs/webhooks.md tells receivers to check signatures with, as it stands there."""
    check: Callable[[str, dict[str, str], bytes], bool] = _documented("import ")["is_signed"]
    return check


def documented_take() -> Callable[[dict[int, dict[str, Any]], dict[str, Any]], None]:
    """Return the function that docs/webhooks.md tells receivers to keep rows with, as it stands there."""
    take: Callable[[dict[int, dict[str, Any]], dict[str, Any]], None] = _documented("def take")["take"]
    return take


def _documented(begin: str) -> dict[str, Any]:
    """Return the names that the page's block of code beginning with a text defines."""
    (block,) = re.findall(
        rf"^```text\n({begin}.*?)^```$", read(ROOT / "docs/webhooks.md").text, re.DOTALL | re.MULTILINE
    )
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - our own page
    return names


async def create_webhook(labeler: RunningLabeler, url: str, **changed: Any) -> pb.CreateWebhookResponse:
    """Have the run's log sent to a URL."""
    request = pb.CreateWebhookRequest(**{"run_id": RUN_ID, "url": url, **changed})
    return await labeler.as_role(Role.OWNER).CreateWebhook(request)


async def list_webhooks(labeler: RunningLabeler) -> pb.ListWebhooksResponse:
    """List the run's webhooks."""
    return await labeler.as_role(Role.OWNER).ListWebhooks(pb.ListWebhooksRequest(run_id=RUN_ID))


async def only_webhook(labeler: RunningLabeler) -> pb.Webhook:
    """Return the run's only webhook as it is listed."""
    (webhook,) = (await list_webhooks(labeler)).webhooks
    return webhook


async def answer_each(labeler: RunningLabeler, *names: str) -> None:
    """Proposes a query a name and answers it by that name."""
    if names:
        await labeler.propose(*names)
    for name in names:
        await answer(labeler.as_role(Role.TEACHER), name)


async def until_noted(labeler: RunningLabeler, newest: int) -> pb.Webhook:
    """Wait until the labeler knows that its only receiver has taken the log up to a position."""

    async def is_there() -> pb.Webhook | None:
        webhook = await only_webhook(labeler)
        return webhook if webhook.delivered_cursor == newest else None

    webhook: pb.Webhook = await until(is_there)
    return webhook
