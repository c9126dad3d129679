"""The teacher that never errs: it compares the true returns of two segments.

Legend: T steps of a segment.
"""

from __future__ import annotations

import numpy as np

from services.labeler.teacher.sealed import SealedPart
from somersault.types import Preference

__all__ = ["decide"]


def decide(left: SealedPart, right: SealedPart, *, equal_margin: float) -> Preference:
    """Prefers the higher sum of true rewards, or neither.

    As B-Pref's "equal" teacher (Lee et al. 2021, arXiv 2111.03026, section 4.1), but its threshold there is a share of
    the mean return; here it is a share of the recent returns' standard deviation, which does not shrink
    to nothing for rewards around zero. Two segments may have been stored when that differed: its mean counts.

    Args:
        left: What is on the left.
        right: What is on the right.
        equal_margin: In standard deviations of recent segments' true returns; 0 or more.
    """
    difference = _true_return(left) - _true_return(right)
    scale = (left.recent_segment_return_std + right.recent_segment_return_std) / 2
    if difference == 0 or abs(difference) < equal_margin * scale:
        return Preference.EQUAL
    return Preference.LEFT if difference > 0 else Preference.RIGHT


def _true_return(part: SealedPart) -> float:
    return float(part.true_rewards.sum(dtype=np.float64))
