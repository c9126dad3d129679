"""Checkpoints come back as they were stored, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from somersault.errors import CorruptDataError
from somersault.formats import checkpoint


def _checkpoint(value: float) -> checkpoint.Checkpoint:
    arrays = {"weights": np.full((2, 3), value, np.float32), "step": np.array([7], np.int64)}
    return checkpoint.Checkpoint(arrays=arrays, facts={"env_steps": int(value)})


def test_a_checkpoint_comes_back_bit_for_bit() -> None:
    """Arrays with their types, and facts."""
    kept = checkpoint.unpack(checkpoint.pack(_checkpoint(40)))
    assert kept.facts == {"env_steps": 40}
    np.testing.assert_array_equal(kept.arrays["weights"], np.full((2, 3), 40, np.float32))
    assert kept.arrays["step"].dtype == np.int64


@pytest.mark.parametrize("place", [20, -1])
def test_one_changed_bit_is_found(place: int) -> None:
    """In the header and in the arrays."""
    data = bytearray(checkpoint.pack(_checkpoint(2)))
    data[place] ^= 1
    with pytest.raises(CorruptDataError):
        checkpoint.unpack(bytes(data))


@pytest.mark.parametrize("data", [b"", b"x" * 7, b"\xff" * 64, (1 << 40).to_bytes(8, "little") + b"{}"])
def test_what_is_no_checkpoint_is_refused(data: bytes) -> None:
    """Empty, short, random and absurdly long headers are refused before anything is allocated."""
    with pytest.raises(CorruptDataError):
        checkpoint.unpack(data)
