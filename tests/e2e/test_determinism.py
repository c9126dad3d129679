"""In lockstep a run is a function of its seed, whatever the machine's speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.runs import train

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

_STEPS = 60_000


def _final_policy(run_dir: Path, *arguments: str, prefix: tuple[str, ...] = ()) -> bytes:
    options = ("--teacher", "oracle", "--labels", "16", "--steps", str(_STEPS), "--seed", "7")
    with train(run_dir, *options, *arguments, prefix=prefix) as run:
        run.finish(timeout_s=280)
    return max((run_dir / "policies").iterdir()).read_bytes()


def test_the_same_seed_gives_the_same_policy_at_another_speed(tmp_path: Path) -> None:
    """Bit for bit, on one thread at low priority as on two."""
    quick = _final_policy(tmp_path / "quick", "--num-threads", "2")
    slow = _final_policy(tmp_path / "slow", "--num-threads", "1", prefix=("nice", "-n", "10"))
    assert quick == slow
