"""Starts `somersault train` as a user does, and looks at what it runs and leaves."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from somersault.runtime.urls import sqlite_uri

__all__ = ["Run", "start", "train"]


@dataclass
class Run:
    """A training run in a process of its own."""

    process: subprocess.Popen[str]
    run_dir: Path

    def finish(self, *, timeout_s: float) -> dict[str, Any]:
        """Wait for a good end and return the summary it printed."""
        output, errors = self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 0, errors[-3000:] + self.logs()
        summary: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return summary

    def logs(self) -> str:
        """Return the end of every service's log, for a failing test's message."""
        parts = []
        for log in sorted((self.run_dir / "logs").glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-8:]
            parts.append(f"\n== {log.name}\n" + "\n".join(line[:400] for line in lines))
        return "".join(parts)

    def pid_of(self, service: str) -> int:
        """Return the process of a service that this run started; wait until there is one."""
        pattern = re.compile(rf"-m\0services\.{service}\0")
        for _ in range(300):
            for pid in _descendants(self.process.pid):
                with contextlib.suppress(OSError):
                    if pattern.search(Path(f"/proc/{pid}/cmdline").read_text()):
                        return pid
            time.sleep(0.1)
        raise AssertionError(f"no process of {service}" + self.logs())

    def kill(self, service: str) -> None:
        """Kill a service without warning."""
        os.kill(self.pid_of(service), signal.SIGKILL)

    def env_steps(self) -> int:
        """Return the steps of the newest line of the progress log."""
        with contextlib.suppress(OSError, ValueError, IndexError, KeyError):
            last = (self.run_dir / "progress.jsonl").read_text().splitlines()[-1]
            return int(json.loads(last)["run/env_steps"])
        return 0

    def wait_for_steps(self, steps: int, *, timeout_s: float = 240) -> None:
        """Wait until the run has made that many steps."""
        give_up = time.monotonic() + timeout_s
        while self.env_steps() < steps:
            assert self.process.poll() is None, "the run ended early" + self.logs()
            assert time.monotonic() < give_up, f"{self.env_steps()} of {steps} steps" + self.logs()
            time.sleep(0.1)

    def log_rows(self) -> list[tuple[Any, ...]]:
        """Return the preference log as it is committed in the database right now."""
        uri = sqlite_uri(self.run_dir / "labels.sqlite", mode="ro")
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as database:
            return database.execute("SELECT * FROM preference_log ORDER BY cursor").fetchall()


def start(
    run_dir: Path,
    *arguments: str,
    prefix: tuple[str, ...] = (),
    task: str = "hopper-backflip",
    has_web: bool = False,
) -> Run:
    """Start a run in ``run_dir``."""
    command = [*prefix, sys.executable, "-m", "somersault.cli", "train", task]
    command += ["--run-dir", str(run_dir), *([] if has_web else ["--no-web"]), "--json", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    return Run(process=process, run_dir=run_dir)


@contextlib.contextmanager
def train(
    run_dir: Path,
    *arguments: str,
    prefix: tuple[str, ...] = (),
    task: str = "hopper-backflip",
    has_web: bool = False,
) -> Iterator[Run]:
    """Start a run and make sure that nothing of it is left behind."""
    run = start(run_dir, *arguments, prefix=prefix, task=task, has_web=has_web)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                run.process.kill()
        run.process.communicate(timeout=30)  # again, if the test has done so: it closes the pipes


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found
