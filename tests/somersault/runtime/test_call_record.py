"""What is known of an environment that is being called, also after the process has ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from somersault.cli.services.environment_exits import EnvironmentExits
from somersault.runtime.call_record import CallRecord, oldest_call


def test_the_call_that_has_lasted_longest_is_told(tmp_path: Path) -> None:
    """With its environment, method and step; in memory and in the file alike."""
    path = tmp_path / "calls"
    record = CallRecord("Cart-v0", num_environments=3, path=path)
    assert record.oldest() is None
    record.of(2).begin("step", 41)
    record.of(0).begin("reset", 7)
    for call in (record.oldest(), oldest_call(path)):
        assert call is not None
        assert str(call) == "environment Cart-v0 (copy 2) in step, at step 41"
    record.of(2).end()
    assert str(record.oldest()) == "environment Cart-v0 (copy 0) in reset, at step 7"
    record.of(0).end()
    assert oldest_call(path) is None


def test_a_file_that_is_no_record_tells_nothing(tmp_path: Path) -> None:
    """Nor does one that is not there."""
    assert oldest_call(tmp_path / "none") is None
    (tmp_path / "other").write_bytes(b"x" * 300)
    assert oldest_call(tmp_path / "other") is None


def test_a_process_that_is_gone_has_left_its_call(tmp_path: Path) -> None:
    """Whatever ended it had no time to say anything."""
    path = tmp_path / "calls"
    script = (
        "import os, sys, pathlib; from somersault.runtime.call_record import CallRecord\n"
        "CallRecord('Cart-v0', num_environments=1, path=pathlib.Path(sys.argv[1])).of(0).begin('step', 5)\n"
        "os._exit(7)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == 7
    assert str(oldest_call(path)) == "environment Cart-v0 (copy 0) in step, at step 5"


def test_an_environment_that_ends_three_processes_is_given_up(tmp_path: Path) -> None:
    """Within a minute; the line says what it was doing."""
    path = tmp_path / "calls"
    record = CallRecord("Cart-v0", num_environments=1, path=path)
    record.count_rollout()
    record.of(0).begin("step", 5)
    now = [0.0]
    ended = EnvironmentExits(path, now_s=lambda: now[0])
    assert ended.note(7, how="exit code 7") == ""
    now[0] = 50.0
    assert ended.note(7, how="exit code 7") == ""
    now[0] = 100.0  # the first is forgotten
    assert ended.note(7, how="exit code 7") == ""
    now[0] = 109.0
    assert ended.note(-signal.SIGSEGV, how="killed by SIGSEGV") == (
        "environment Cart-v0 (copy 0) ended the process (killed by SIGSEGV) in step, at step 5, 3 times within 60 s"
    )


def test_an_environment_that_ends_each_life_in_vain_is_given_up(tmp_path: Path) -> None:
    """However long a life takes on a slow machine; a rollout that was whole is progress."""
    path = tmp_path / "calls"
    now = [0.0]
    ended = EnvironmentExits(path, now_s=lambda: now[0])

    def end(*, has_progress: bool) -> str:
        ended.forget_calls()
        record = CallRecord("Cart-v0", num_environments=1, path=path)
        if has_progress:
            record.count_rollout()
        record.of(0).begin("reset", 0)
        now[0] += 100.0
        return ended.note(1, how="exit code 1")

    assert [end(has_progress=progress) for progress in (False, False, True, False, False)] == [""] * 5
    assert end(has_progress=False) == (
        "environment Cart-v0 (copy 0) ended the process (exit code 1) in reset, at step 0,"
        " 3 times in a row before a rollout was whole"
    )


def test_a_life_is_not_accused_of_the_calls_before_it(tmp_path: Path) -> None:
    """One that ends before it has called an environment has left no calls."""
    path = tmp_path / "calls"
    ended = EnvironmentExits(path, now_s=lambda: 0.0)
    for _ in range(2):
        CallRecord("Cart-v0", num_environments=1, path=path).of(0).begin("step", 5)
        assert ended.note(1, how="exit code 1") == ""
    ended.forget_calls()
    assert ended.note(1, how="exit code 1") == ""


def test_who_is_killed_from_outside_accuses_nobody(tmp_path: Path) -> None:
    """Most of a simulator's time is spent in environments."""
    path = tmp_path / "calls"
    CallRecord("Cart-v0", num_environments=1, path=path).of(0).begin("step", 5)
    ended = EnvironmentExits(path, now_s=lambda: 0.0)
    assert [ended.note(-signal.SIGKILL, how="killed") for _ in range(5)] == [""] * 5
    assert EnvironmentExits(None).note(7, how="exit code 7") == ""
