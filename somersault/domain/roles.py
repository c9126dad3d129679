"""What the holder of a token may do."""

from __future__ import annotations

import enum

__all__ = ["Role"]


class Role(enum.StrEnum):
    """What the holder of a token may do."""

    LABELER = "labeler"
    TEACHER = "teacher"
    SERVICE = "service"
    OWNER = "owner"
