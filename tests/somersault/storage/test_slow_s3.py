"""An S3 store that sends so slowly that no timeout between two packets ends it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from somersault.errors import UnavailableError
from somersault.storage import open_store, s3

HEAD = b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nETag: "x"\r\n\r\n'


@pytest.fixture
def dribbling() -> Iterator[int]:
    """Serve objects a byte every twentieth of a second, and yield the port."""
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def serve() -> None:
            while not is_over.is_set():
                with contextlib.suppress(TimeoutError):
                    threading.Thread(target=dribble, args=(listener.accept()[0],), daemon=True).start()

        def dribble(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(HEAD)
                while not is_over.wait(0.05):
                    connection.sendall(b"x")

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield listener.getsockname()[1]
        finally:
            is_over.set()
            serving.join()


def test_a_download_that_dribbles_ends_in_time(dribbling: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that one object may take, three tries of it, not after its hour and a half."""
    monkeypatch.setattr(s3, "TRANSFER_TIMEOUT_S", 0.3)
    store = open_store(f"s3://127.0.0.1:{dribbling}/bucket?secure=false", access_key="a", secret_key="b")
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"took over 0\.3 s to send object 'r/a'"):
        store.get("r/a")
    assert time.monotonic() - began < 10
