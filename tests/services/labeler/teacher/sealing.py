"""Makes sealed teacher parts as the format's description says, apart from the code that makes or reads them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import safetensors.numpy


def seal(*rewards: float, dtype: Any = np.float32, **metadata: Any) -> bytes:
    """Gives a sealed part; metadata overrides the usual."""
    values = {"format": "somersault.sealed/1", "recent_segment_return_std": 1.0, **metadata}
    texts = {name: json.dumps(value) for name, value in values.items() if value is not None}
    return safetensors.numpy.save({"true_rewards": np.array(rewards, dtype)}, metadata=texts)
