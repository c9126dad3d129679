"""What the reward service knows of an answer, and how answers become comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from somersault.errors import CorruptDataError
from somersault.storage import ObjectStore
from somersault.types import FloatArray, Preference, StoredSegment, TaskSpec

__all__ = ["Answer", "ComparedSegments", "load_compared_segments", "mu_of"]

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
    is_extra: bool

    @property
    def ordered(self) -> tuple[StoredSegment, StoredSegment]:
        """Both segments in an order that does not depend on which side the server drew.

        So a run is a function of its seed: cropping and bootstraps see the same rows whichever was on the left.
        """
        first, second = sorted((self.left, self.right), key=lambda stored: stored.segment_id)
        return first, second


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

    observations: FloatArray
    """``[2, T, O]`` float32."""
    actions: FloatArray
    """``[2, T, A]`` float32."""


def load_compared_segments(store: ObjectStore, answer: Answer, *, spec: TaskSpec) -> ComparedSegments:
    """Reads both segments of an answer from object storage.

    Raises:
        NotFoundError: one is not there.
        CorruptDataError: one is not a segment of this task.
    """
    loaded = [_load(store, stored.segment_uri, spec) for stored in answer.ordered]
    return ComparedSegments(
        observations=np.stack([observations for observations, _ in loaded]),
        actions=np.stack([actions for _, actions in loaded]),
    )


def _load(store: ObjectStore, key: str, spec: TaskSpec) -> tuple[FloatArray, FloatArray]:
    try:
        arrays = safetensors.numpy.load(store.get(key))
        observations, actions = arrays["observations"], arrays["actions"]
    except (SafetensorError, KeyError) as error:
        raise CorruptDataError(f"segment {key} can't be read: {error}") from error
    for name, array, width in (
        ("observations", observations, spec.observation_dim),
        ("actions", actions, spec.action_dim),
    ):
        expected = (spec.segment_steps, width)
        if array.shape != expected or array.dtype != np.float32:
            raise CorruptDataError(
                f"segment {key}: {name} is {array.dtype} {array.shape}, must be float32 {expected}"
            )
    return observations, actions
