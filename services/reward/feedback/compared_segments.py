"""The two segments that an answer compares, read from object storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.reward.feedback.preference_log import Answer
from services.reward.segments.layout import SegmentLayout
from somersault.domain.arrays import ActionArray, FrameArray
from somersault.errors import CorruptDataError
from somersault.formats.safetensors import load_arrays
from somersault.storage import ObjectStore

__all__ = ["ComparedSegments", "load_compared_segments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSegments:
    """The two segments of a query, in ``Answer.ordered`` order."""

    observations: FrameArray
    """``[2, L + F - 1, *frame]``, L steps, F frames an observation."""
    actions: ActionArray
    """``[2, L, *action]``."""


def load_compared_segments(store: ObjectStore, answer: Answer, *, layout: SegmentLayout) -> ComparedSegments:
    """Read both segments of an answer from object storage.

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
    """Return observations and actions; what else the object holds serves to render the segment."""
    try:
        arrays = load_arrays(store.get(key), what="segment")
        observations, actions = arrays["observations"], arrays["actions"]
    except (CorruptDataError, KeyError) as error:
        raise CorruptDataError(f"segment {key} can't be read: {error}") from error
    try:
        layout.check(observations, actions)
    except ValueError as error:
        raise CorruptDataError(f"segment {key}: {error}") from error
    return observations, actions
