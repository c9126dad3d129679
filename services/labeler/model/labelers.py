"""Labelers, whom tokens belong to."""

from __future__ import annotations

from dataclasses import dataclass

from somersault.domain.roles import Role

__all__ = ["KnownLabeler", "Labeler"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeler:
    """Whom a token belongs to: a person, a teacher, an owner, or a service."""

    labeler_id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLabeler:
    """A labeler as owners see it."""

    labeler: Labeler
    created_ms: int
    revoked_ms: int
    """0 unless it was revoked."""
