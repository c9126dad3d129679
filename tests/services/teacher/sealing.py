"""Makes sealed teacher parts by the format's description, independently of the code that writes or reads them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import safetensors.numpy

from somersault.formats.sealed import SealedPart


def seal(*rewards: float, dtype: Any = np.float32, **metadata: Any) -> bytes:
    """Return a sealed part's bytes; metadata overrides the usual values, None leaves one out."""
    values = {
        "format": "somersault.sealed/1",
        "segment_id": "0123456789ab-00000007",
        "recent_segment_return_mean": 2.0,
        "recent_segment_return_std": 1.0,
        **metadata,
    }
    texts = {name: json.dumps(value) for name, value in values.items() if value is not None}
    return safetensors.numpy.save({"true_rewards": np.array(rewards, dtype)}, metadata=texts)


def part(*rewards: float, mean: float = 0.0, std: float = 1.0, segment_id: str = "a-00000007") -> SealedPart:
    """Return a sealed part as it is read."""
    return SealedPart(
        segment_id=segment_id,
        true_rewards=np.array(rewards, np.float32),
        recent_segment_return_mean=mean,
        recent_segment_return_std=std,
    )
