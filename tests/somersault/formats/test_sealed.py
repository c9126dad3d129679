"""Reading sealed teacher parts."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

from somersault.errors import CorruptDataError
from somersault.formats.sealed import NotFiniteError, decode
from tests.services.teacher.sealing import seal


def test_what_is_sealed_is_read() -> None:
    """As it was written."""
    data = seal(1.5, -2, 0.25, segment_id="a-1", recent_segment_return_mean=-4, recent_segment_return_std=3.5)
    part = decode(data)
    np.testing.assert_array_equal(part.true_rewards, np.array([1.5, -2, 0.25], np.float32))
    assert part.segment_id == "a-1"
    assert (part.recent_segment_return_mean, part.recent_segment_return_std) == (-4, 3.5)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        seal(1, 2)[:-1],
        b"\xff" * 8 + seal(1)[8:],
        (5).to_bytes(8, "little") + b"[1,2]",
        seal(1, format="somersault.sealed/2"),
        seal(1, recent_segment_return_std=None),
        seal(1, recent_segment_return_std=-1),
        seal(1, recent_segment_return_std=float("nan")),
        seal(1, recent_segment_return_std="many"),
        seal(1, recent_segment_return_mean=None),
        seal(1, recent_segment_return_mean=float("inf")),
        seal(1, recent_segment_return_mean=10**400),
        seal(1, recent_segment_return_mean=[1]),
        seal(1, segment_id=None),
        seal(1, segment_id=7),
        seal(1, dtype=np.float64),
        seal(),
        safetensors.numpy.save({"other": np.zeros(3, np.float32)}),
    ],
)
def test_anything_else_is_corrupt(data: bytes) -> None:
    """Whatever the bytes are, the error is of the domain."""
    with pytest.raises(CorruptDataError, match="sealed part"):
        decode(data)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_true_reward_that_is_not_finite_is_named_by_its_step(value: float) -> None:
    """So that whoever wrote the reward function finds it."""
    message = f"^the true reward at step 3 of 4 of segment a-1 is {value}$"
    with pytest.raises(NotFiniteError, match=message):
        decode(seal(1, 2, value, value, segment_id="a-1", recent_segment_return_mean=None))
