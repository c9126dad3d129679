"""Reading the segments of an answer from object storage."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

from services.reward.feedback.compared_segments import load_compared_segments
from services.reward.feedback.preference_log import Answer
from services.reward.segments.layout import SegmentLayout
from somersault.domain.feedback import Preference
from somersault.domain.task_spec import TaskSpec
from somersault.errors import CorruptDataError
from somersault.storage import ObjectStore, open_store
from tests.services.reward.doubles import place_of

_GAME = TaskSpec(
    task="t", frame_shape=(5, 6), num_frames=4, num_actions=3, episode_steps=9, segment_steps=2, step_s=0.1
)
_ANSWER = Answer(
    cursor=1,
    query_id="q",
    answer_id="a",
    version=1,
    preference=Preference.LEFT,
    left=place_of("b"),
    right=place_of("a"),
    labeler_id="ada",
    is_extra=False,
)


def _put(store: ObjectStore, name: str, level: int, **changes: np.ndarray) -> None:
    arrays = {
        "observations": np.full((5, 5, 6), level, np.uint8),
        "actions": np.array([0, 2], np.int32),
        "log": np.zeros(7, np.uint8),  # shows it again; nothing is learned from it
    }
    store.put(place_of(name).segment_uri, safetensors.numpy.save(arrays | changes))


def test_both_segments_come_in_the_order_of_their_names() -> None:
    """Pictures stay bytes, held once a frame; what shows a segment again is left out."""
    store = open_store("memory://")
    _put(store, "a", 1)
    _put(store, "b", 2)

    compared = load_compared_segments(store, _ANSWER, layout=SegmentLayout(_GAME))

    assert compared.observations.dtype == np.uint8
    np.testing.assert_array_equal(compared.observations[:, 4, 0, 0], [1, 2])
    np.testing.assert_array_equal(compared.actions, [[0, 2], [0, 2]])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"observations": np.zeros((5, 5, 6), np.float32)}, "observations is float32"),
        ({"observations": np.zeros((4, 5, 6), np.uint8)}, "observations is uint8"),
        ({"actions": np.array([0, 3], np.int32)}, "actions is 0 to 3, must be 0 to 2"),
        ({"actions": np.array([0, 1], np.int64)}, "actions is int64"),
    ],
)
def test_segment_of_another_task_is_corrupt(changes: dict[str, np.ndarray], told: str) -> None:
    """The error names the object, the array and what it must be."""
    store = open_store("memory://")
    _put(store, "a", 1, **changes)
    _put(store, "b", 2)

    with pytest.raises(CorruptDataError, match=f"segment r/segments/a.safetensors: {told}"):
        load_compared_segments(store, _ANSWER, layout=SegmentLayout(_GAME))
