"""Steps that stand still have no action, of either kind."""

from __future__ import annotations

import numpy as np

from somersault.actions import is_still, leave_out_still

STILL = np.array([[False, True], [True, False]])


def test_what_was_left_out_is_known_again() -> None:
    """Choices and vectors, the rest unchanged and the original too."""
    choices = np.array([[0, 1], [2, 3]], np.int32)
    vectors = np.array([[[0.5, -1], [1, 1]], [[0, 0], [-1, -1]]], np.float32)
    for actions in (choices, vectors):
        before = actions.copy()
        left = leave_out_still(actions, STILL)
        assert left.dtype == actions.dtype
        np.testing.assert_array_equal(is_still(left), STILL)
        np.testing.assert_array_equal(left[~STILL], actions[~STILL])
        np.testing.assert_array_equal(actions, before)


def test_actions_that_can_be_executed_do_not_stand_still() -> None:
    """Not even one whose components are the least there are, or one that is partly beyond."""
    assert not is_still(np.array([[-1.0, -1.0], [-2.0, 0.0]], np.float32)).any()
    assert not is_still(np.array([0, 5], np.int32)).any()
