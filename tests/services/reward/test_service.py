"""What `Score` takes."""

from __future__ import annotations

import numpy as np
import pytest

from services.reward.service import _transitions_from_message
from somersault.domain.task_spec import TaskSpec
from somersault.errors import InvalidInputError
from somersault.v1 import reward_pb2
from somersault.wire import tensor_from_array

_VECTORS = TaskSpec(task="t", frame_shape=(3,), action_dim=2, episode_steps=9, segment_steps=2, step_s=0.1)
_GAME = TaskSpec(
    task="t", frame_shape=(5, 6), num_frames=4, num_actions=3, episode_steps=9, segment_steps=2, step_s=0.1
)


def _request(observations: np.ndarray, actions: np.ndarray) -> reward_pb2.ScoreRequest:
    return reward_pb2.ScoreRequest(
        observations=tensor_from_array(observations), actions=tensor_from_array(actions)
    )


def test_pictures_are_scored_as_stacks_with_choices() -> None:
    """Any number of axes may come before those of an observation."""
    request = _request(np.ones((7, 2, 4, 5, 6), np.uint8), np.full((7, 2), 2, np.int32))

    observations, actions = _transitions_from_message(request, _GAME)

    assert (observations.shape, actions.shape) == ((7, 2, 4, 5, 6), (7, 2))


@pytest.mark.parametrize(
    ("spec", "observations", "actions", "told"),
    [
        (_GAME, np.zeros((7, 3, 5, 6), np.uint8), np.zeros(7, np.int32), "observations.shape"),
        (_GAME, np.zeros((4, 5, 6), np.uint8), np.zeros((), np.int32), "with at least 4 axes"),
        (_GAME, np.zeros((7, 4, 5, 6), np.float32), np.zeros(7, np.int32), "observations.element_type"),
        (
            _GAME,
            np.zeros((7, 4, 5, 6), np.uint8),
            np.full(7, 3, np.int32),
            "actions is '3 to 3', must be 0 to 2",
        ),
        (_GAME, np.zeros((7, 4, 5, 6), np.uint8), np.zeros(6, np.int32), "actions.shape"),
        (_VECTORS, np.zeros((7, 4), np.float32), np.zeros((7, 2), np.float32), "observations.shape"),
        (_VECTORS, np.zeros((7, 3), np.float32), np.zeros((7, 3), np.float32), "actions.shape"),
        (_VECTORS, np.zeros(3, np.float32), np.zeros(2, np.float32), "with at least 2 axes"),
    ],
)
def test_transitions_of_another_task_are_refused(
    spec: TaskSpec, observations: np.ndarray, actions: np.ndarray, told: str
) -> None:
    """The error names the array and what it must be."""
    with pytest.raises(InvalidInputError) as refused:
        _transitions_from_message(_request(observations, actions), spec)
    assert told in str(refused.value)
