"""Starts the real object stores that the tests of this folder use: rclone on a disk, and moto."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ACCESS_KEY = "somersault-tests"
SECRET_KEY = "somersault-tests-secret"
START_TIMEOUT_S = 20.0


@dataclass
class StoreServer:
    """A store's process, which can be killed and started again on the same port."""

    command: list[str]
    port: int
    log: Path
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the process and wait until its port answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.kill()
        pytest.fail(f"{self.command} did not start: {self.log.read_text()}")

    def kill(self) -> None:
        """End the process as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, path: str, **options: str) -> str:
        """Return the URL of a bucket (and prefix) of this store."""
        query = "&".join(f"{name}={value}" for name, value in {"secure": "false", **options}.items())
        return f"s3://127.0.0.1:{self.port}/{path}?{query}"


@pytest.fixture(scope="session")
def rclone_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder whose subfolders are rclone's buckets."""
    return tmp_path_factory.mktemp("rclone")


@pytest.fixture(scope="session")
def rclone(rclone_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """Yield ``rclone serve s3``: checks secrets and keeps objects on a disk."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
    port = find_free_port()
    command = [program, "serve", "s3", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    command += ["--addr", f"127.0.0.1:{port}", "--config", "", str(rclone_folder)]
    yield from _run(StoreServer(command, port, tmp_path_factory.mktemp("logs") / "rclone.log"))


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    """Yield moto's S3: the right error codes, but any secret is right."""
    port = find_free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    yield from _run(StoreServer(command, port, tmp_path_factory.mktemp("logs") / "moto.log"))


def _run(server: StoreServer) -> Iterator[StoreServer]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
