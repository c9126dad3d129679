"""What the reward service knows of an answer, and how answers become comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from services.reward.segments.layout import SegmentLayout
from somersault.domain.arrays import ActionArray, FrameArray
from somersault.domain.feedback import Preference
from somersault.domain.trajectory import StoredSegment
from somersault.errors import CorruptDataError
from somersault.storage import ObjectStore

__all__ = ["Answer", "ComparedSegments", "LogRow", "WeightChange", "load_compared_segments", "mu_of"]

_MU = {Preference.LEFT: 1.0, Preference.RIGHT: 0.0, Preference.EQUAL: 0.5, Preference.INCOMPARABLE: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One row of the preference log, as far as training needs it."""

    cursor: int
    query_id: str
    answer_id: str
    version: int
    """1 for the first answer, more for its revisions."""
    preference: Preference
    left: StoredSegment
    right: StoredSegment
    labeler_id: str
    is_extra: bool
    """Kept, never trained on: past what its query wanted, or gold."""
    fills_query: bool = True
    """Whether its query, with it, has all the answers that it wants."""
    is_given: bool = False
    """Whether it was there before the run began: nothing was predicted of it, and its segments have names from elsewhere."""

    @property
    def ordered(self) -> tuple[StoredSegment, StoredSegment]:
        """Both segments in an order that does not depend on which side the server drew.

        So a run is a function of its seed: cropping and bootstraps see the same rows whichever was on the left.
        """
        first, second = sorted((self.left, self.right), key=lambda stored: stored.segment_id)
        return first, second


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """One row of the preference log that says how much a labeler's answers count, those before it too."""

    cursor: int
    labeler_id: str
    weight: float
    """0 leaves them out, 1 is the usual."""


LogRow = Answer | WeightChange
"""Any row of the preference log."""


def mu_of(answer: Answer) -> float | None:
    """Gives the weight of the preference on the first segment of ``answer.ordered``; none if they can't be compared.

    Christiano et al. 2017, section 2.2.2: (1, 0), (0, 1), or (1/2, 1/2).
    """
    mu = _MU[answer.preference]
    if mu is None:
        return None
    is_left_first = answer.ordered[0] == answer.left
    return mu if is_left_first else 1.0 - mu


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSegments:
    """The two segments of a query, in ``Answer.ordered`` order."""

    observations: FrameArray
    """``[2, L + F - 1, *frame]``, L steps, F frames an observation."""
    actions: ActionArray
    """``[2, L, *action]``."""


def load_compared_segments(store: ObjectStore, answer: Answer, *, layout: SegmentLayout) -> ComparedSegments:
    """Reads both segments of an answer from object storage.

    Raises:
        NotFoundError: one is not there.
        CorruptDataError: one is not a segment of this task.
    """
    loaded = [_load(store, stored.segment_uri, layout) for stored in answer.ordered]
    return ComparedSegments(
        observations=np.stack([observations for observations, _ in loaded]),
        actions=np.stack([actions for _, actions in loaded]),
    )


def _load(store: ObjectStore, key: str, layout: SegmentLayout) -> tuple[NDArray[Any], NDArray[Any]]:
    """Reads what is learned from; the object holds what shows the segment again beside it."""
    try:
        arrays = safetensors.numpy.load(store.get(key))
        observations, actions = arrays["observations"], arrays["actions"]
    except (SafetensorError, KeyError) as error:
        raise CorruptDataError(f"segment {key} can't be read: {error}") from error
    try:
        layout.check(observations, actions)
    except ValueError as error:
        raise CorruptDataError(f"segment {key}: {error}") from error
    if not (np.isfinite(observations).all() and np.isfinite(actions).all()):
        raise CorruptDataError(f"segment {key}: a value is not finite")
    return observations, actions
