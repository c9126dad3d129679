"""Which segment of a pair is shown on the left."""

from __future__ import annotations

import hashlib

__all__ = ["draw_is_swapped"]


def draw_is_swapped(proposal_id: str) -> bool:
    """Draw whether the proposer's second segment is shown on the left.

    A fair coin that depends on the name alone, so that a repeated run shows the same sides.
    """
    return hashlib.sha256(f"side of {proposal_id}".encode()).digest()[0] % 2 == 1
