"""A private PostgreSQL cluster in a temporary folder, which tests may crash. Needs Debian's ``postgresql``."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

__all__ = ["IS_INSTALLED", "PostgresqlServer"]

_INITDB = shutil.which("initdb") or next(
    (str(path) for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")), None
)
IS_INSTALLED = _INITDB is not None


class PostgresqlServer:
    """Is made stopped; `start` and `crash` may follow each other any number of times, `remove` ends it."""

    def __init__(self, *, standby_of: PostgresqlServer | None = None) -> None:
        """Make the cluster's files, or copy those of a server that runs, to follow it once started."""
        self._folder = Path(tempfile.mkdtemp(dir="/tmp"))  # sockets need a short path
        if os.getuid() == 0:
            os.chown(self._folder, pwd.getpwnam("postgres").pw_uid, -1)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://somersault@127.0.0.1:{self.port}/postgres"
        if standby_of is None:
            self._run("initdb", "-U", "somersault", "-A", "trust", "--no-sync")
        else:
            source = ("-h", "127.0.0.1", "-p", str(standby_of.port), "-U", "somersault")
            self._run("pg_basebackup", *source, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync")

    def start(self) -> None:
        """Start the server and wait until it accepts connections; after a crash it recovers first."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder}"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def crash(self) -> None:
        """End every process of the server at once, without a checkpoint, as a crash does."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def promote(self) -> None:
        """Let a standby become a primary."""
        self._run("pg_ctl", "-w", "promote")

    def remove(self) -> None:
        """Crashes the server if it runs, and removes its files."""
        if (self._folder / "data" / "postmaster.pid").exists():
            self.crash()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(Path(str(_INITDB)).resolve().parent / program), "-D", str(self._folder / "data")]
        # The server refuses to run as root.
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*user, *command, *arguments], check=True, capture_output=True, cwd="/")
