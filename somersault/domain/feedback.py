"""What a labeler says of two segments."""

from __future__ import annotations

import enum

__all__ = ["Preference"]


class Preference(enum.StrEnum):
    """A labeler's answer, in terms of the sides that labeler saw."""

    LEFT = "left"
    RIGHT = "right"
    EQUAL = "equal"
    INCOMPARABLE = "incomparable"
