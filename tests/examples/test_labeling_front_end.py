"""The terminal's front end before the real labeler, with real clips, driven through its standard input."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from somersault.compliance.reference import RUN_ID, reference_labeler
from tests.docs.documents import ROOT

EXAMPLE = ROOT / "examples" / "labeling_front_end.py"

PLAYER = """
import hashlib, pathlib, sys
with open(sys.argv[1], "a") as out:
    print(*(hashlib.sha256(pathlib.Path(clip).read_bytes()).hexdigest() for clip in sys.argv[2:]), file=out)
"""


def test_it_is_under_a_hundred_lines() -> None:
    """An integrator reads it in one sitting, and it uses nothing of ours but the generated stubs."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 100
    ours = [line for line in text.splitlines() if line.startswith(("from somersault", "import somersault"))]
    assert [line.split()[1].partition("_pb2")[0] for line in ours] == [
        "somersault.v1",
        "somersault.v1.labeler",
    ]


async def test_each_key_becomes_its_answer(tmp_path: Path) -> None:
    """Left, right, equal, can't compare, skip, a change of the last one, and q gives the last pair back."""
    player, seen = tmp_path / "player.py", tmp_path / "seen.txt"
    player.write_text(PLAYER)
    async with reference_labeler(tmp_path) as labeler:
        await labeler.propose(6)
        command = [sys.executable, str(EXAMPLE), "--address", labeler.address, "--run-id", RUN_ID]
        command += ["--player", f"{sys.executable} {player} {seen}"]
        command.append(f"--token={labeler.labeler_token}")  # a token may begin with a dash
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        async with asyncio.timeout(40):
            output, _ = await process.communicate(b"ad\nskwxzdq")
        records, leased = await labeler.log(), await labeler.num_leased()
        command[-1] = "--token=nobodys-token-0123456789"
        stranger = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
        async with asyncio.timeout(20):
            _, error = await stranger.communicate()

    assert process.returncode == 0, output.decode()
    # left 1, right 2, equal 3, incomparable 4; then the last one once more, as right
    assert [(row.version, row.preference) for row in records] == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 2)]
    assert len({row.query_id for row in records}) == 4
    assert records[4].answer_id == records[3].answer_id
    assert all(row.response_ms > 0 for row in records[:4])
    assert leased == 0
    pairs = [line.split() for line in seen.read_text().splitlines()]
    assert len(pairs) == 6
    assert {len(digest) for pair in pairs for digest in pair} == {64}
    # What can't pass is not tried again.
    assert stranger.returncode == 1
    assert b"UNAUTHENTICATED" in error
