"""The bar of predicted rewards."""

from __future__ import annotations

import numpy as np

from services.simulator.clips.renderers.reward_bar import RewardBar, paint_reward_bar


def test_reward_bar_goes_up_green_and_down_red() -> None:
    """A level of 1/2 fills half of the upper half; -1 the whole lower half."""
    up, down = (np.zeros((320, 320, 3), np.uint8) for _ in range(2))
    paint_reward_bar(up, 0.5)
    paint_reward_bar(down, -1)
    is_green = (up == (46, 160, 67)).all(axis=-1)
    is_red = (down == (207, 68, 58)).all(axis=-1)
    assert np.flatnonzero(is_green.any(axis=1)).tolist() == list(range(85, 159))
    assert np.flatnonzero(is_red.any(axis=1)).tolist() == list(range(161, 310))
    assert np.flatnonzero(is_green.any(axis=0)).tolist() == list(range(294, 310))


def test_bar_beside_a_frame_hides_nothing_of_it() -> None:
    """The frame is widened by an eighth of its height; the largest reward fills half the bar."""
    frame = np.full((160, 100, 3), 7, np.uint8)
    wide = RewardBar(np.array([1.0, 4.0], np.float32)).put_beside(frame, step=1)
    assert wide.shape == (160, 120, 3)
    np.testing.assert_array_equal(wide[:, :100], frame)
    is_green = (wide == (46, 160, 67)).all(axis=-1).any(axis=1)
    assert np.flatnonzero(is_green).tolist() == list(range(5, 79))
