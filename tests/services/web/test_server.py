"""The gateway as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

COMMAND = [sys.executable, "-m", "services.web", "--labeler-address", "127.0.0.1:1"]


def test_busy_port_is_one_line_and_exit_code_2():
    """The line names the port and the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*COMMAND, "--port", str(port)], capture_output=True, text=True, timeout=60, check=False
        )

    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert ended.returncode == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"somersault web: port {port} on 127.0.0.1 is in use")


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--port", "70000"], "port"),
        (["--no-such-flag", "1"], "no-such-flag"),
        (["--log-level", "x"], "log_level"),
    ],
)
def test_bad_setting_is_one_line_and_exit_code_2(flags, word):
    """The line names the setting."""
    ended = subprocess.run([*COMMAND, *flags], capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 2
    assert word in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


@pytest.mark.alone
def test_sigterm_ends_it_at_once_with_exit_code_0():
    """It answers health without a labeler, logs JSON alone, and drains within two seconds."""
    process = subprocess.Popen([*COMMAND, "--port", "0"], stderr=subprocess.PIPE, text=True)
    lines = [process.stderr.readline() for _ in range(2)]
    port = json.loads(lines[1])["port"]
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200

    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=10)

    assert process.returncode == 0
    assert time.monotonic() - started < 2
    assert [json.loads(line)["event"] for line in rest.splitlines()] == ["draining", "stopped"]
