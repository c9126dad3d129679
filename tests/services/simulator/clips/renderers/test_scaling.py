"""Pictures in a requested size."""

from __future__ import annotations

import numpy as np
import pytest

from services.simulator.clips.renderers.scaling import scale_to_height, scale_to_longer_side

_CHESS = np.kron(np.indices((4, 6)).sum(axis=0) % 2, np.full((5, 5), 200)).astype(np.uint8)
PICTURE = np.stack([_CHESS, _CHESS // 2, 255 - _CHESS], axis=-1)  # [20, 30, 3]


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_whole_factors_repeat_pixels(factor: int) -> None:
    """No colour appears that was not there."""
    expected = PICTURE.repeat(factor, axis=0).repeat(factor, axis=1)
    if expected.shape[1] % 2 == 0:
        np.testing.assert_array_equal(scale_to_height(PICTURE, 20 * factor), expected)
    np.testing.assert_array_equal(scale_to_longer_side(PICTURE, 30 * factor), expected)


@pytest.mark.parametrize(("size_px", "shape"), [(64, (42, 64, 3)), (1024, (682, 1024, 3)), (4, (2, 4, 3))])
def test_other_side_is_in_proportion_and_even(size_px: int, shape: tuple[int, ...]) -> None:
    """Of a wide picture and of a tall one; the mean brightness stays."""
    scaled = scale_to_longer_side(PICTURE, size_px)
    assert scaled.shape == shape
    assert scale_to_longer_side(PICTURE.swapaxes(0, 1), size_px).shape == (shape[1], shape[0], 3)
    assert abs(scaled.mean() - PICTURE.mean()) < 2


def test_height_alone_is_asked_for() -> None:
    """The width follows; the height that a frame has changes nothing."""
    assert scale_to_height(PICTURE, 50).shape == (50, 76, 3)
    assert scale_to_height(PICTURE, 20) is PICTURE
