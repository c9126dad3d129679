"""The teacher that never errs."""

from __future__ import annotations

import numpy as np
import pytest

from services.labeler.teacher.oracle import decide
from services.labeler.teacher.sealed import SealedPart
from somersault.types import Preference


def _part(*rewards: float, std: float = 1.0) -> SealedPart:
    return SealedPart(np.array(rewards, np.float32), std)


def test_the_higher_sum_is_preferred() -> None:
    """1 + 2 = 3 against 5 - 1 = 4."""
    assert decide(_part(1, 2), _part(5, -1), equal_margin=0) is Preference.RIGHT
    assert decide(_part(5, -1), _part(1, 2), equal_margin=0) is Preference.LEFT


@pytest.mark.parametrize(
    ("difference", "preference"),
    [(0.59, Preference.EQUAL), (-0.59, Preference.EQUAL), (0.61, Preference.LEFT), (-0.61, Preference.RIGHT)],
)
def test_a_difference_within_the_margin_is_equal(difference: float, preference: Preference) -> None:
    """0.3 standard deviations of 2.0 are 0.6."""
    assert decide(_part(difference, std=2), _part(0, std=2), equal_margin=0.3) is preference


def test_the_margins_scale_is_the_mean_of_both() -> None:
    """Stored when the deviation was 1 and 3: half of 2 is 1, and a difference of 0.9 is within it."""
    assert decide(_part(0.9, std=1), _part(0, std=3), equal_margin=0.5) is Preference.EQUAL
    assert decide(_part(1.1, std=1), _part(0, std=3), equal_margin=0.5) is Preference.LEFT


def test_the_same_sum_is_equal_without_a_margin() -> None:
    """A tie is no preference."""
    assert decide(_part(1, 2), _part(2, 1), equal_margin=0) is Preference.EQUAL


def test_many_small_rewards_are_summed_exactly() -> None:
    """2^24 and 128 ones against 2^24 + 126: in float32 each one added to 2^24 is lost."""
    small = np.ones(129, np.float32)
    small[0] = 2**24
    part = SealedPart(small, 0.0)
    assert decide(part, _part(2**24 + 126), equal_margin=0) is Preference.LEFT
