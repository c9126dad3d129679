"""The measures of a labeler's counts, worked out by hand."""

from __future__ import annotations

import pytest

from services.labeler.model.labelers import Labeler
from services.labeler.model.oversight import LabelerCounts
from services.labeler.oversight.quality_measures import assess, entropy_bits, share
from somersault.domain.roles import Role


def _counts(**changed: int) -> LabelerCounts:
    names = [name for name in LabelerCounts.__slots__ if name.startswith("num_")]
    counts = dict.fromkeys(names, 0)
    ada = Labeler(labeler_id="ada", name="Ada", role=Role.LABELER, runs=None)
    return LabelerCounts(labeler=ada, weight=1.0, **(counts | changed))


def test_wilsons_interval() -> None:
    """8 of 10: (0.8 + 0.19207 ± 1.96 · sqrt(0.016 + 0.0096036)) / 1.38415 = 0.4902 to 0.9433."""
    found = share(8, 10)
    assert found.value == 0.8
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_no_trials_say_nothing() -> None:
    """Every share is possible."""
    assert (share(0, 0).value, share(0, 0).low, share(0, 0).high) == (None, 0.0, 1.0)


def test_entropy() -> None:
    """One value 0 bits, two alike 1 bit, four alike 2 bits."""
    assert [entropy_bits(counts) for counts in ((7, 0, 0, 0), (3, 3, 0, 0), (1, 1, 1, 1), (0, 0))] == [
        0,
        1,
        2,
        0,
    ]


def test_a_coin_is_flagged_within_twenty_gold_answers() -> None:
    """10 of 20 right: the upper end is 0.7007, below 0.85."""
    assert assess(_counts(num_unanimous=20, num_unanimous_right=10)).is_inaccurate


def test_somebody_mostly_right_is_not_flagged() -> None:
    """17 of 20: the upper end is 0.948. Nor is one wrong answer out of one."""
    assert not assess(_counts(num_unanimous=20, num_unanimous_right=17)).is_inaccurate
    assert not assess(_counts(num_unanimous=1)).is_inaccurate


def test_one_who_always_says_left_is_flagged() -> None:
    """By its side, by its own repeats, and by an entropy of nothing."""
    found = assess(_counts(num_left=30, num_repeats=5))
    assert (found.is_biased, found.is_inconsistent, found.entropy_bits) == (True, True, 0.0)


def test_both_sides_alike_are_no_bias() -> None:
    """16 to 14."""
    assert not assess(_counts(num_left=16, num_right=14)).is_biased


def test_haste_is_flagged() -> None:
    """20 of 30 sooner than half a clip; 1 of 30 is a slip."""
    assert assess(_counts(num_timed=30, num_fast=20)).is_hasty
    assert not assess(_counts(num_timed=30, num_fast=1)).is_hasty
