"""The servers that `benchmarks.labeler.load` measures: a labeler in a process of its own, PostgreSQL, a bare echo."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from somersault.runtime.urls import file_url

__all__ = ["Server", "cpu_s", "echo", "has_postgresql", "labeler", "postgresql"]

_INITDB = shutil.which("initdb") or next(
    (str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None
)
_START_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server in a process of its own."""

    address: str
    pid: int
    public_address: str | None = None
    """The port for front ends, if the other is for services with certificates alone."""
    database_url: str = ""
    """Of a labeler."""


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    columns = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(columns[11]) + int(columns[12])) / os.sysconf("SC_CLK_TCK")


def has_postgresql() -> bool:
    """Return whether Debian's ``postgresql`` is installed."""
    return _INITDB is not None


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """Make a private cluster as it comes, fsync on, serve it, and return the URL of its first database."""
    assert _INITDB is not None, "ask has_postgresql first"  # our own invariant
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # sockets need a short path
    if os.getuid() == 0:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    port, data = _free_port(), str(folder / "data")
    tools = Path(_INITDB).resolve().parent
    _as_server(str(tools / "initdb"), "-D", data, "-U", "somersault", "-A", "trust", "--no-sync")
    control = (str(tools / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"))
    _as_server(*control, "-o", f"-p {port} -c listen_addresses=127.0.0.1 -k {folder}", "start")
    try:
        yield f"postgresql://somersault@127.0.0.1:{port}/postgres"
    finally:
        _as_server(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@contextlib.contextmanager
def labeler(
    database_url: str, folder: Path, *, tree: Path | None = None, certificates: Path | None = None
) -> Iterator[Server]:
    """Run the service, of another working tree if one is given, and end it."""
    port, public_port = _free_port(), _free_port()
    command = [sys.executable, "-m", "services.labeler", f"--port={port}", f"--database-url={database_url}"]
    command += [f"--storage-url={file_url(folder / 'objects')}", "--log-level=error"]
    if certificates is not None:
        command += [f"--certificates-path={certificates}", f"--public-port={public_port}"]
    public = None if certificates is None else f"127.0.0.1:{public_port}"
    # Not a flag: a tree of an earlier version may not know it.
    own = {"SOMERSAULT_LABELER_FIRST_TOKEN_PATH": str(folder / f"owner-token-{port}")}
    with _running(command, port, tree=tree, log=folder / f"labeler-{port}.log", own=own) as pid:
        yield Server(address=f"127.0.0.1:{port}", pid=pid, public_address=public, database_url=database_url)


@contextlib.contextmanager
def echo() -> Iterator[Server]:
    """Run `benchmarks.peers.echo_server`."""
    port = _free_port()
    with _running([sys.executable, "-m", "benchmarks.peers.echo_server", str(port)], port) as pid:
        yield Server(address=f"127.0.0.1:{port}", pid=pid)


@contextlib.contextmanager
def _running(
    command: list[str],
    port: int,
    *,
    tree: Path | None = None,
    log: Path | None = None,
    own: Mapping[str, str] | None = None,
) -> Iterator[int]:
    with (log or Path(os.devnull)).open("wb") as output:
        environment = {**os.environ, **(own or {})}
        process = subprocess.Popen(
            command, cwd=tree, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            _wait_until_served(port, process)
            yield process.pid
        finally:
            process.terminate()
            process.wait(timeout=_START_S)


def _wait_until_served(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not serve")


def _as_server(*command: str) -> None:
    """Run a command as a user that PostgreSQL agrees to run as: it refuses root."""
    prefix = ("runuser", "-u", "postgres", "--") if os.getuid() == 0 else ()
    subprocess.run([*prefix, *command], check=True, capture_output=True, cwd="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
