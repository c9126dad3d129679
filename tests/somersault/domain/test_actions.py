"""Steps that stand still have no action, of any kind."""

from __future__ import annotations

import numpy as np

from somersault.domain.actions import bounds_of_choices, is_still, leave_out_still

STILL = np.array([[False, True], [True, False]])


def test_what_was_left_out_is_known_again() -> None:
    """Choices, one or several, and vectors, the rest unchanged and the original too."""
    choices = np.array([[0, 1], [2, 3]], np.int32)
    vectors = np.array([[[0.5, -1], [1, 1]], [[0, 0], [-1, -1]]], np.float32)
    for actions in (choices, np.stack([choices, choices], axis=-1), vectors):
        before = actions.copy()
        left = leave_out_still(actions, STILL)
        assert left.dtype == actions.dtype
        np.testing.assert_array_equal(is_still(left, num_axes=2), STILL)
        np.testing.assert_array_equal(left[~STILL], actions[~STILL])
        np.testing.assert_array_equal(actions, before)


def test_actions_that_can_be_executed_do_not_stand_still() -> None:
    """Not even one whose components are the least there are, or one that is partly beyond."""
    assert not is_still(np.array([[-1.0, -1.0], [-2.0, 0.0]], np.float32)).any()
    assert not is_still(np.array([0, 5], np.int32)).any()
    assert not is_still(np.array([[0, 5], [-1, 0]], np.int32)).any()


def test_a_choice_that_there_is_not_is_named() -> None:
    """The second of three choices, of which there are two; -1 stands in a segment alone."""
    actions = np.array([[2, 1, 0], [0, 2, 3]], np.int32)
    assert bounds_of_choices(actions, choices=(3, 2, 4)) == ("1 to 2 in place 1", "0 to 1")
    assert bounds_of_choices(actions, choices=(3, 3, 4)) is None
    assert bounds_of_choices(np.array([-1, 2], np.int32), choices=(3,)) == ("-1 to 2", "0 to 2")
    assert bounds_of_choices(np.array([-1, 2], np.int32), choices=(3,), least=-1) is None
