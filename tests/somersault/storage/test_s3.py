"""What only a store across a network does: refuse us, lose our metadata, go away and come back."""

from __future__ import annotations

import io
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import minio
import pytest

from somersault import errors
from somersault.storage import ObjectStore, open_store
from somersault.storage.s3 import S3Store
from somersault.storage.s3_errors import Place


def _open(server: Any, *, bucket: str = "runs", **options: str) -> ObjectStore:
    options = {"create": "true", **options}
    url = server.url(f"{bucket}/prefix", **options)
    return open_store(url, access_key=server.access_key, secret_key=server.secret_key)


def _calls(store: ObjectStore) -> list[Any]:
    return [
        lambda: store.put("a", b"x"),
        lambda: store.get("a"),
        lambda: store.exists("a"),
        lambda: store.list(""),
        lambda: store.delete("a"),
        store.check,
    ]


def test_a_wrong_secret_is_denied_in_one_line(rclone: Any) -> None:
    """Each method names the endpoint, what the server said and what to check; never the secret."""
    _open(rclone).put("a", b"x")
    store = open_store(rclone.url("runs"), access_key=rclone.access_key, secret_key="wrong-secret")
    for call in _calls(store):
        with pytest.raises(errors.PermissionDeniedError) as caught:
            call()
        text = str(caught.value)
        assert f"http://127.0.0.1:{rclone.port}" in text
        assert "check the access key" in text
        assert "\n" not in text
        assert "wrong-secret" not in text


def test_an_unknown_access_key_is_denied(rclone: Any) -> None:
    """The server's own reason is passed on."""
    store = open_store(rclone.url("runs"), access_key="nobody-at-all", secret_key="wrong-secret")
    with pytest.raises(errors.PermissionDeniedError, match="InvalidAccessKeyId"):
        store.get("a")


@pytest.mark.parametrize("kind", ["rclone", "moto"])
def test_a_missing_bucket_is_named_with_its_remedy(kind: str, request: pytest.FixtureRequest) -> None:
    """Without create=true it is an error at the first use, whatever the error's content type."""
    store = _open(request.getfixturevalue(kind), bucket="missing", create="false")
    for call in (
        lambda: store.put("a", b"x"),
        lambda: store.get("a"),
        lambda: store.list(""),
        lambda: store.delete("a"),
        store.check,
    ):
        with pytest.raises(errors.NotFoundError, match="no bucket 'missing'; create it or add"):
            call()


@pytest.mark.parametrize("kind", ["rclone", "moto"])
def test_a_missing_bucket_is_made_when_asked(kind: str, request: pytest.FixtureRequest) -> None:
    """Two stores with create=true may make the same bucket."""
    server, bucket = request.getfixturevalue(kind), f"new-{secrets.token_hex(4)}"
    _open(server, bucket=bucket).check()
    _open(server, bucket=bucket).put("a", b"x")
    assert _open(server, bucket=bucket, create="false").get("a") == b"x"


def test_a_missing_key_names_bucket_and_endpoint(moto: Any) -> None:
    """The message says where was looked."""
    store = _open(moto)
    store.check()
    with pytest.raises(errors.NotFoundError, match=f"127.0.0.1:{moto.port} has no object 'q/a'"):
        store.get("q/a")


def test_keys_stay_under_the_prefix(moto: Any) -> None:
    """Two prefixes in one bucket do not see each other, though one starts as the other does."""
    bucket = f"prefixes-{secrets.token_hex(4)}"
    stores = [
        open_store(
            moto.url(f"{bucket}/{prefix}", create="true"),
            access_key=moto.access_key,
            secret_key=moto.secret_key,
        )
        for prefix in ("team", "team/b", "teams")
    ]
    for number, store in enumerate(stores):
        store.put("a", b"%d" % number)
    assert [list(store.list("")) for store in stores] == [["a", "b/a"], ["a"], ["a"]]
    assert stores[0].get("b/a") == stores[1].get("a") == b"1"


def test_other_bytes_than_were_stored_are_found_without_the_callers_help(moto: Any) -> None:
    """The SHA-256 kept beside an object betrays bytes that somebody changed."""
    store = _open(moto)
    stored = store.put("run/a", b"true bytes")
    client = minio.Minio(
        f"127.0.0.1:{moto.port}",
        access_key=moto.access_key,
        secret_key=moto.secret_key,
        secure=False,
        region="us-east-1",
    )
    client.put_object(
        "runs",
        "prefix/run/a",
        io.BytesIO(b"false byte"),
        10,
        metadata={"sha256": stored.sha256},
    )
    with pytest.raises(errors.CorruptDataError, match="run/a"):
        store.get("run/a")


def test_a_bit_flipped_on_the_servers_disk_is_found(rclone: Any, rclone_folder: Path) -> None:
    """The server notices nothing; the reader does."""
    store = _open(rclone)
    store.put("flipped", b"\x00" * 1000)
    path = rclone_folder / "runs/prefix/flipped"
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(500)
        file.write(b"\x01")
    # Bits rot without touching the time of change, with which rclone would drop the metadata.
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(errors.CorruptDataError, match="flipped"):
        store.get("flipped")


def test_operations_fail_while_the_store_is_away_and_work_when_it_is_back(rclone: Any) -> None:
    """Each fails within 5 s, naming the endpoint; afterwards nothing stored is missing."""
    store = _open(rclone)
    stored = store.put("a", b"kept")
    rclone.kill()
    try:
        for call in _calls(store):
            started = time.monotonic()
            with pytest.raises(errors.UnavailableError, match=f"{rclone.port} can't be reached"):
                call()
            assert time.monotonic() - started < 5.0
    finally:
        rclone.start()
    assert store.get("a", expect_sha256=stored.sha256) == b"kept"
    store.check()


def test_a_digest_forgotten_by_the_server_is_no_error(rclone: Any) -> None:
    """Restarted, rclone has lost the user metadata it kept in memory: only the caller's digest can tell."""
    store = _open(rclone)
    stored = store.put("forgotten", b"abc")
    rclone.kill()
    rclone.start()
    assert store.get("forgotten") == b"abc"
    with pytest.raises(errors.CorruptDataError):
        store.get("forgotten", expect_sha256="0" * 64)
    assert store.get("forgotten", expect_sha256=stored.sha256) == b"abc"


def test_a_store_that_comes_back_within_the_retries_is_not_noticed(rclone: Any) -> None:
    """An operation begun while the server restarts succeeds."""
    store = _open(rclone)
    store.put("a", b"x")
    rclone.kill()
    starter = threading.Timer(0.1, rclone.start)
    starter.start()
    try:
        assert store.get("a") == b"x"
    finally:
        starter.join()


def test_a_silent_server_is_given_up_within_the_read_timeout() -> None:
    """A store that takes connections and says nothing costs a bounded time."""
    with _serve(None) as host:
        store = _open_at(host, read_timeout_s=0.3)
        started = time.monotonic()
        with pytest.raises(errors.UnavailableError, match="can't be reached"):
            store.get("a")
        assert time.monotonic() - started < 4.0


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (
            "503 Busy|application/xml|<Error><Code>SlowDown</Code></Error>",
            "Unavailable",
            "SlowDown",
        ),
        ("502 Bad Gateway|text/html|<h1>Bad Gateway</h1>", "Unavailable", "HTTP 502"),
        ("507 Full|text/plain|no room", "ResourceExhausted", "accepts no more"),
        ("400 Bad|text/html|plain HTTP sent to HTTPS", "FailedPrecondition", "HTTP 400"),
        ("200 OK|text/html|", "Unavailable", "can't be reached"),
    ],
)
def test_answers_of_proxies_are_put_into_our_errors(answer: str, expected: str, words: str) -> None:
    """Whatever stands in the way, the message names the endpoint and what was said, in one line."""
    status, content_type, body = answer.split("|")
    length = 100 if status.startswith("200") else len(body)  # a 200 that is cut off in the middle
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}"
    with _serve(f"{head}\r\nConnection: close\r\n\r\n{body}".encode()) as host:
        with pytest.raises(getattr(errors, f"{expected}Error"), match=words) as caught:
            _open_at(host).get("a")
        assert host in str(caught.value)
        assert "\n" not in str(caught.value)


def test_tls_to_a_plain_server_names_the_option(moto: Any) -> None:
    """The commonest mistake in a URL gets its remedy."""
    store = _open(moto, secure="true")
    with pytest.raises(errors.ConfigError, match="add secure=false"):
        store.get("a")


def test_tls_that_breaks_off_is_unavailable() -> None:
    """A proxy that restarts is no wrong setting, which would end a service for good."""
    with _serve(b"") as host, pytest.raises(errors.UnavailableError, match="can't be reached"):
        _open_at(host, is_secure=True).get("a")


@pytest.mark.parametrize("body", ["<html>Welcome</html>", "no XML", "", "<Error/>"])
def test_an_answer_that_is_not_s3s_is_unavailable(body: str) -> None:
    """As of a proxy that says 200 of its own; the listing isn't taken for empty."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}"
    with (
        _serve(f"{head}\r\nConnection: close\r\n\r\n{body}".encode()) as host,
        pytest.raises(errors.UnavailableError),
    ):
        list(_open_at(host).list(""))


def test_a_host_without_address_is_unavailable() -> None:
    """A misspelt host is named."""
    with pytest.raises(errors.UnavailableError, match=r"https://store\.invalid can't be reached"):
        _open_at("store.invalid", is_secure=True).get("a")


def test_an_object_past_the_bound_is_not_read(moto: Any) -> None:
    """Reading stops at the bound."""
    _open(moto).put("large", b"12345")
    store = open_store(
        moto.url("runs/prefix"),
        access_key=moto.access_key,
        secret_key=moto.secret_key,
        max_object_bytes=4,
    )
    with pytest.raises(errors.ResourceExhaustedError, match="at most 4"):
        store.get("large")


def _open_at(host: str, *, is_secure: bool = False, read_timeout_s: float = 2.0) -> S3Store:
    return S3Store(
        Place(host=host, bucket="runs", is_secure=is_secure),
        access_key="some-key",
        secret_key="some-secret",
        read_timeout_s=read_timeout_s,
    )


@contextmanager
def _serve(answer: bytes | None) -> Iterator[str]:
    """Return the host and port of a server that answers every request the same, or never."""
    listener = socket.create_server(("127.0.0.1", 0))
    peers: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peers.append(peer)
            if answer is not None:
                peer.recv(65536)
                peer.sendall(answer)
                peer.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for open_socket in [listener, *peers]:
            open_socket.close()
