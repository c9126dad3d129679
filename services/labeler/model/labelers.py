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
    runs: frozenset[str] | None
    """The runs whose member it is; None for every run there is and will be."""

    def reaches(self, run_id: str) -> bool:
        """Return whether its token is good for a run. Any other run is to it as if there were none."""
        return self.runs is None or run_id in self.runs

    def encloses(self, other: Labeler) -> bool:
        """Return whether it reaches every run that another labeler reaches."""
        return self.runs is None or (other.runs is not None and other.runs <= self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLabeler:
    """A labeler as owners see it."""

    labeler: Labeler
    created_ms: int
    revoked_ms: int
    """0 unless it was revoked."""
