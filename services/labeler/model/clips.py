"""Clips as people see them: those of policies, and queries whose clips are stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from services.labeler.model.answers import QueryAnswer
from services.labeler.model.queries import PredictedRewards, Query
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role

__all__ = ["ClipChoice", "ClippedQuery", "PolicyClip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyClip:
    """A clip of what one of a run's policies does."""

    policy_version: int
    env_steps: int
    clip_uri: str
    sha256: str
    duration_s: float
    is_final: bool
    predicted_rewards: Sequence[float]
    """Per step; empty if nothing was predicted."""
    true_return: float | None
    created_ms: int = 0
    """0 in a request; set by the database's clock."""

    def seen_by(self, role: Role) -> PolicyClip:
        """Return the clip as a role may see it: predictions would influence answers, so only owners see them."""
        if role is Role.OWNER:
            return self
        return dataclasses.replace(self, predicted_rewards=(), true_return=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipChoice:
    """Which queries with clips an owner lists, and in which order."""

    labeler_id: str | None = None
    """Only those that this labeler answered."""
    preference: Preference | None = None
    """Only those with an answer of this kind, by that labeler if there is one."""
    is_answered: bool = False
    """Only those with an answer."""
    is_by_disagreement: bool = False
    """First those whose answers differ, then those answered contrary to the prediction; else newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippedQuery:
    """A query whose clips are stored."""

    query: Query
    predicted: PredictedRewards | None
    """The left segment's first; None where nothing was predicted."""
    answers: list[QueryAnswer]
    left_duration_s: float
    right_duration_s: float
