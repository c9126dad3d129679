"""In lockstep a run is a function of its seed, whatever the machine's speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.runs import train
from tests.real_runs import OPTIONS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_the_same_seed_gives_the_same_policy_at_another_speed(real_run: Path, tmp_path: Path) -> None:
    """Bit for bit, on one thread at low priority as on two."""
    slow = tmp_path / "slow"
    with train(slow, *OPTIONS, "--num-threads", "1", prefix=("nice", "-n", "10")) as run:
        run.finish(timeout_s=280)
    assert _final_policy(slow) == _final_policy(real_run)


def _final_policy(run_dir: Path) -> bytes:
    return max((run_dir / "policies").iterdir()).read_bytes()
