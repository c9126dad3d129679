"""The teacher as a process."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from somersault.domain.keys import sealed_key
from somersault.domain.roles import Role
from somersault.runtime.urls import file_url
from tests.services.labeler.running import RUN_ID, TOKENS, RunningLabeler
from tests.services.teacher.sealing import seal


async def _run_until_it_ends(labeler: RunningLabeler, folder: Path, kind: str) -> tuple[int | None, str]:
    """Return the exit code and the last line on standard error."""
    flags = {
        "labeler-address": labeler.address,
        "run-id": RUN_ID,
        "storage-url": file_url(folder / "objects"),
        "kind": kind,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.teacher"),
        *(word for name, value in flags.items() for word in (f"--{name}", value)),
        env={**os.environ, "SOMERSAULT_TEACHER_TOKEN": TOKENS[Role.TEACHER]},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, errors.decode().splitlines()[-1]


async def test_a_failing_function_is_one_line_and_no_cause_to_try_again(
    labeler: RunningLabeler, tmp_path: Path
) -> None:
    """Exit code 3 tells a supervisor so."""
    path = tmp_path / "own.py"
    path.write_text("def f(left, right, rng): raise RuntimeError('out of\\norder')")
    for side in ("first", "second"):
        labeler.store.put(sealed_key(RUN_ID, f"a-{side}"), seal(1, 2))
    await labeler.propose("a")
    told = await _run_until_it_ends(labeler, tmp_path, f"{path}:f")
    assert told == (3, f"somersault teacher: teacher function {path}:f raised RuntimeError: out of order")


async def test_a_mistyped_teacher_is_one_line(labeler: RunningLabeler, tmp_path: Path) -> None:
    """As any setting that can't be used."""
    code, line = await _run_until_it_ends(labeler, tmp_path, "0.5*oracle(margin=0)+0.5*mistakes")
    assert code == 2
    assert line.startswith(
        "somersault teacher: teacher is '0.5*oracle(margin=0)+0.5*mistakes', must be one of"
    )
