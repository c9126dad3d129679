"""An S3 store that sends so slowly that no timeout between two packets ends it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from somersault.errors import UnavailableError
from somersault.storage.s3 import S3Store
from somersault.storage.s3_errors import Place

HEAD = b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nETag: "x"\r\n\r\n'


BOUND_S = 6.0  # three tries of 0.3 s and what is waited between them, on a busy machine


@pytest.fixture(params=["head", "body"])
def dribbling(request: pytest.FixtureRequest) -> Iterator[int]:
    """Serve answers a byte every twentieth of a second, from their first byte or after their head, and yield the port."""
    is_over = threading.Event()
    at_once = HEAD if request.param == "body" else HEAD[:20]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def serve() -> None:
            while not is_over.is_set():
                with contextlib.suppress(TimeoutError):
                    threading.Thread(target=dribble, args=(listener.accept()[0],), daemon=True).start()

        def dribble(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(at_once)
                while not is_over.wait(0.05):
                    connection.sendall(b"x")

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield listener.getsockname()[1]
        finally:
            is_over.set()
            serving.join()


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(lambda store: store.get("r/a"), id="get"),
        pytest.param(lambda store: store.put("r/a", b"x"), id="put"),
        pytest.param(lambda store: list(store.list("r/")), id="list"),
        pytest.param(lambda store: store.delete("r/a"), id="delete"),
        pytest.param(lambda store: store.check(), id="check"),
    ],
)
def test_an_answer_that_dribbles_ends_in_time(dribbling: int, operation: Callable[[S3Store], Any]) -> None:
    """After the time that a try may take, not after the hour and a half of the whole answer."""
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"took over 0\.3 s to answer"):
        operation(_open(dribbling))
    assert time.monotonic() - began < BOUND_S


@pytest.mark.parametrize("dribbling", ["head"], indirect=True)
def test_a_head_that_dribbles_ends_in_time(dribbling: int) -> None:
    """It has no body."""
    with pytest.raises(UnavailableError, match=r"took over 0\.3 s to answer"):
        _open(dribbling).exists("r/a")


def _open(port: int) -> S3Store:
    place = Place(host=f"127.0.0.1:{port}", bucket="bucket", is_secure=False)
    return S3Store(place, access_key="a", secret_key="b", try_timeout_s=0.3)
