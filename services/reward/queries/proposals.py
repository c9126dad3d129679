"""What the reward service and the labeler tell each other, besides answers."""

from __future__ import annotations

from dataclasses import dataclass

from somersault.domain.arrays import FloatArray
from somersault.domain.trajectory import StoredSegment

__all__ = ["KnownQuery", "PredictedPair", "Proposal", "Standing", "Wishes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedPair:
    """What a reward version predicts of two segments."""

    first: FloatArray
    """``[L]`` float32, a step each."""
    second: FloatArray
    """``[L]`` float32."""
    reward_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Two stored segments to be compared."""

    proposal_id: str
    first: StoredSegment
    second: StoredSegment
    wants_clips: bool
    predicted: PredictedPair | None = None
    """For owners to look at; None where nothing is predicted yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownQuery:
    """A query the labeler holds."""

    query_id: str
    is_open: bool
    """Neither answered, withdrawn nor failed."""
    segment_ids: frozenset[str]
    """The two segments."""
    num_skips: int = 0
    """Labelers who never get it again, without having answered it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Holds how the run stands; None where there is nothing to tell yet."""

    env_steps: int
    total_env_steps: int
    env_steps_per_s: float | None
    label_budget: int
    num_labels_due: int
    wished_labels_per_hour: float | None
    num_answered: int
    preference_accuracy: float | None
    num_accuracy_preferences: int
    predicted_reward_mean: float | None
    reward_version: int
    num_pool_segments: int
    num_awaited: int
    training_loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Holds what the run's owner wants of it."""

    is_paused: bool = False
    """Nothing is leased."""
    label_budget: int | None = None
    """Labels that the run may use; None: as many as the settings say."""
    is_finishing: bool = False
    """The learner is to finish with the policy that it has."""
