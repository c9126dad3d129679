"""The example of a teacher of one's own, loaded as `--teacher` loads it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from services.teacher.judge import open_judge
from somersault.domain.feedback import Preference
from tests.services.teacher.sealing import part

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_teacher.py"


def test_the_cautious_judge_looks_at_the_worst_step() -> None:
    """Of 200 pairs: -1 against -5, though the other one's sum is higher; it looks away in about 10 and guesses half."""
    judge = open_judge(f"{EXAMPLE}:by_the_worst_step", seed=0)
    told = Counter(
        judge(part(-1, 0, 0, segment_id=f"a-{i}"), part(9, 9, -5, segment_id=f"b-{i}")) for i in range(200)
    )
    assert set(told) == {Preference.LEFT, Preference.RIGHT}
    assert 1 <= told[Preference.RIGHT] <= 20


def test_the_cautious_judge_is_unsure_of_the_same_worst() -> None:
    """Whatever else is there."""
    judge = open_judge(f"{EXAMPLE}:by_the_worst_step", seed=1)
    assert judge(part(-3, 8, 0), part(2, 1, -3)) is Preference.EQUAL
