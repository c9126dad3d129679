"""The simulator as a process: it starts, says what is wrong, and ends when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def _start(tmp_path: Path, *flags: str, **environment: str) -> subprocess.Popen[str]:
    arguments = ["--task", "hopper-backflip", "--storage-url", tmp_path.as_uri(), *flags]
    return subprocess.Popen(
        [sys.executable, "-m", "services.simulator", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )


def _wait_for(process: subprocess.Popen[str], event: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if f'"event": "{event}"' in line:
            return
    pytest.fail(f"the process ended before it said {event}")


def _children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listing.split()]


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Neither a drain nor a kill leaves the process that renders clips alone in the world."""
    with _start(tmp_path) as process:
        _wait_for(process, "serving")
        children = _children(process.pid)
        assert children
        process.send_signal(number)
        code = process.wait(timeout=15)
    assert code == (0 if number == signal.SIGTERM else -number)
    deadline = time.monotonic() + 10
    while any(map(_is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_is_alive, children))


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        (["--task", "hoper"], {}, "did you mean hopper?"),
        (["--num-environments", "0"], {}, "num_environments"),
        (["--no-such-flag", "1"], {}, "no-such-flag"),
        (["--storage-url", "ftp://x"], {}, "object store URL"),
        (["--simulator-id", "a/b"], {}, "simulator_id"),
        ([], {"MUJOCO_GL": "osmesa", "PYOPENGL_PLATFORM": "egl"}, "apt-get install"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    tmp_path: Path, flags: list[str], environment: dict[str, str], message: str
) -> None:
    """Names what is wrong; no traceback."""
    process = _start(tmp_path, *flags, **environment)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert message in said.splitlines()[-1]
    assert "Traceback" not in said
