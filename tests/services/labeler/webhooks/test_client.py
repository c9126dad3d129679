"""How receivers are called: by a checked address, once, with an end to it."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.labeler.webhooks import client as webhook_client
from services.labeler.webhooks.client import WebhookClient
from somersault.errors import InvalidInputError, UnavailableError
from tests.services.labeler.webhooks.receiver import Receiver, receiving

_NAME = "receiver.example"


class Names:
    """A resolver that gives what it is told, each time the next."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        """Take the addresses of each look-up."""
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        """Look a name up."""
        self.asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in self.answers.pop(0)]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return a receiver that is at work."""
    async with receiving() as one:
        yield one


def _named(receiver: Receiver) -> str:
    """Return a receiver's URL under a name that only our resolver knows."""
    return receiver.url.replace("127.0.0.1", _NAME)


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("8.8.8.8", "127.0.0.1"), ("::ffff:127.0.0.1",), ("169.254.169.254",), ("100.64.0.1",)],
)
async def test_a_name_that_stands_for_a_private_address_is_not_called(
    receiver: Receiver, addresses: tuple[str, ...]
) -> None:
    """If only one of its addresses is private; the sentence says which."""
    client = WebhookClient(allows_private=False, getaddrinfo=Names(addresses))
    told = f"address of {_NAME} is '{addresses[-1]}', must be a public address"
    with pytest.raises(InvalidInputError, match=told):
        await client.post(_named(receiver).replace("http:", "https:"), {}, b"{}")
    assert receiver.requests == []
    client.close()


async def test_this_machines_own_name_is_not_called(receiver: Receiver) -> None:
    """Looked up by the system's own resolver."""
    client = WebhookClient(allows_private=False)
    port = receiver.url.split(":")[2]
    with pytest.raises(InvalidInputError, match=r"address of localhost is .* must be a public address"):
        await client.post(f"https://localhost:{port}", {}, b"{}")
    assert receiver.requests == []
    client.close()


async def test_the_connection_goes_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """A name is looked up once for each connection: a second answer would not be asked for."""
    names = Names(("127.0.0.1",), ("127.0.0.1",))
    client = WebhookClient(allows_private=True, getaddrinfo=names)
    for number in (1, 2):
        assert await client.post(_named(receiver), {"x-number": str(number)}, b"{}") == 200
        assert names.asked == [_NAME] * number
    assert [request.headers["x-number"] for request in receiver.requests] == ["1", "2"]
    assert receiver.requests[0].headers["host"].startswith(_NAME)
    client.close()


async def test_a_name_that_moves_to_a_private_address_is_not_called_again() -> None:
    """What was public at the first delivery is checked at the second."""
    names = Names(("8.8.8.8",), ("10.0.0.1",))
    client = WebhookClient(allows_private=False, getaddrinfo=names)
    reached: list[str] = []

    async def connect(address: str, port: int, **_: Any) -> Any:
        reached.append(address)
        raise webhook_client.httpcore.ConnectError("nobody is there")

    client._network._network.connect_tcp = connect  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match=f"{_NAME}:443 can't be reached: nobody is there"):
        await client.post(f"https://{_NAME}/", {}, b"{}")
    with pytest.raises(InvalidInputError, match=r"is '10\.0\.0\.1'"):
        await client.post(f"https://{_NAME}/", {}, b"{}")
    assert reached == ["8.8.8.8"]
    client.close()


async def test_the_next_address_is_tried(receiver: Receiver) -> None:
    """Where nobody listens at the first."""
    client = WebhookClient(allows_private=True, getaddrinfo=Names(("127.0.0.2", "127.0.0.1")))
    assert await client.post(_named(receiver), {}, b"{}") == 200
    client.close()


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    """Its status is what there is to know."""
    receiver.fail(307, f"location: {receiver.url}")
    client = WebhookClient(allows_private=True)
    assert await client.post(receiver.url, {}, b"{}") == 307
    assert len(receiver.requests) == 1
    client.close()


async def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would connect where nothing was checked."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    client = WebhookClient(allows_private=True)
    assert await client.post(receiver.url, {}, b"{}") == 200
    client.close()


async def test_a_silent_receiver_is_given_up(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """All together may take so long, not each part."""
    monkeypatch.setattr(webhook_client, "TIMEOUT_S", 0.3)
    receiver.delay_s = 5
    client = WebhookClient(allows_private=True)
    began_s = time.monotonic()
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.3 s"):
        await client.post(receiver.url, {}, b"{}")
    assert time.monotonic() - began_s < 4.5
    client.close()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\n" + b"x" * 9_000_000, 200),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\n" + b"x-more: yes\r\n" * 20_000, UnavailableError),
        (b"220 mail.example ESMTP\r\n\r\n", UnavailableError),
    ],
)
async def test_of_an_answer_only_the_status_is_read(receiver: Receiver, answer: bytes, outcome: Any) -> None:
    """However long it is, and if it never ends; headers without end, and other protocols, are no answer."""
    receiver.answer = answer.replace(b"220 mail", b"220 220")
    client = WebhookClient(allows_private=True)
    async with asyncio.timeout(5):
        if outcome == 200:
            assert await client.post(receiver.url, {}, b"{}") == 200
        else:
            with pytest.raises(outcome):
                await client.post(receiver.url, {}, b"{}")
    client.close()


async def test_nobody_there_is_said() -> None:
    """With the place."""
    client = WebhookClient(allows_private=True)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9 can't be reached"):
        await client.post("http://127.0.0.1:9/", {}, b"{}")
    client.close()


async def test_a_name_that_nobody_knows_is_said() -> None:
    """With the resolver's own words."""

    def find_none(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    client = WebhookClient(allows_private=True, getaddrinfo=find_none)
    told = f"the name {_NAME} can't be looked up: Name or service not known"
    with pytest.raises(UnavailableError, match=told):
        await client.post(f"http://{_NAME}/", {}, b"{}")
    client.close()


@pytest.mark.parametrize(
    ("certified", "is_known", "told"),
    [(_NAME, True, None), (_NAME, False, "self-signed"), ("other.example", True, "not valid for")],
)
async def test_a_certificate_must_be_the_names(
    tmp_path: Path, certified: str, is_known: bool, told: str | None
) -> None:
    """And known; though the connection is made to an address, the name is what is proved."""
    path = tmp_path / "receiver.pem"
    _write_certificate(path, certified)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    async with receiving(tls) as receiver:
        client = WebhookClient(allows_private=True, getaddrinfo=Names(("127.0.0.1",)))
        if is_known:
            client._tls = ssl.create_default_context(cafile=str(path))
        post: Callable[[], Any] = lambda: client.post(_named(receiver), {}, b"{}")  # noqa: E731
        if told is None:
            assert await post() == 200
        else:
            with pytest.raises(UnavailableError, match=told):
                await post()
        client.close()
    assert len(receiver.requests) == (told is None)


def _write_certificate(path: Path, name: str) -> None:
    """Write a key and a certificate for a name that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, pkcs8, serialization.NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(pem))
