"""What the holder of a token may do, and who calls by a certificate."""

from __future__ import annotations

import enum

__all__ = ["Identity", "Role"]


class Role(enum.StrEnum):
    """What the holder of a token may do."""

    LABELER = "labeler"
    TEACHER = "teacher"
    SERVICE = "service"
    OWNER = "owner"


class Identity(enum.StrEnum):
    """A service, as its certificate names it: the last word of a SPIFFE name such as ``spiffe://example.org/run/simulator``."""

    SIMULATOR = "simulator"
    LEARNER = "learner"
    REWARD = "reward"
    LABELER = "labeler"
    TEACHER = "teacher"
    WEB = "web"
    OWNER = "owner"
    """The run's own tools, such as ``somersault train``."""
