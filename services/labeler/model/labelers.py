"""Labelers: who a token belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from somersault.domain.roles import Role

__all__ = ["KnownLabeler", "Labeler"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeler:
    """Holds who a token belongs to: a person, a teacher, or a service that only proposes."""

    labeler_id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLabeler:
    """Holds a labeler as owners see it."""

    labeler: Labeler
    created_ms: int
    revoked_ms: int
    """0 while it may call."""
