"""Planes and numbers go into one array and come back as they were."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from somersault.domain.packing import numbers_of, pack, planes_of, stored_shape, with_numbers

SIZES = st.integers(0, 40)


@settings(max_examples=60, deadline=None)
@given(num_planes=st.integers(1, 3), num_numbers=SIZES, width=st.integers(1, 30), seed=st.integers(0, 99))
def test_what_is_packed_comes_back_bit_for_bit(
    num_planes: int, num_numbers: int, width: int, seed: int
) -> None:
    """Whatever the width of a row and however the numbers fill it; also of stacks of frames, and of none."""
    rng = np.random.default_rng(seed)
    planes = rng.integers(256, size=(num_planes, 5, width), dtype=np.uint8)
    numbers = rng.standard_normal(num_numbers).astype(np.float32)
    frame = pack(planes, numbers)
    assert frame.shape == stored_shape((5, width), num_planes=num_planes, num_numbers=num_numbers)
    np.testing.assert_array_equal(numbers_of(frame, num_numbers=num_numbers), numbers)
    stack = np.stack([frame, frame])
    found = planes_of(stack, frame_shape=(5, width), num_planes=num_planes)
    np.testing.assert_array_equal(found, np.concatenate([planes, planes]))
    assert numbers_of(stack[:0], num_numbers=num_numbers).shape == (0, num_numbers)
    others = rng.standard_normal((2, num_numbers)).astype(np.float32)
    changed = with_numbers(stack, others)
    np.testing.assert_array_equal(numbers_of(changed, num_numbers=num_numbers), others)
    np.testing.assert_array_equal(planes_of(changed, frame_shape=(5, width), num_planes=num_planes), found)


def test_a_vector_is_stored_as_it_is() -> None:
    """So is a picture alone."""
    assert stored_shape((7,), num_planes=1, num_numbers=0) == (7,)
    assert stored_shape((84, 84), num_planes=1, num_numbers=0) == (84, 84)
    assert stored_shape((84, 84), num_planes=2, num_numbers=22) == (170, 84)
