"""A policy of a task's own kind and size that has learned nothing, for measurements that need one."""

from __future__ import annotations

import numpy as np
import safetensors.numpy

from somersault.domain.arrays import FloatArray
from somersault.domain.task_spec import TaskSpec

__all__ = ["random_policy"]

_WIDTH_OF_VECTORS, _WIDTH_OF_PICTURES = 64, 512
_CONVOLUTIONS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))  # channels, kernel, stride; Mnih et al. 2015, Methods


def random_policy(spec: TaskSpec, *, seed: int = 0) -> bytes:
    """Return the safetensors of a policy as docs/protocol.md describes it, with small random weights."""
    shapes = _picture_shapes(spec) if spec.is_image else _vector_shapes(spec)
    rng = np.random.default_rng(seed)
    arrays: dict[str, FloatArray] = {
        name: (0.01 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()
    }
    if spec.num_normalised:
        arrays["observation_std"] = np.ones(spec.num_normalised, np.float32)
    if spec.choice_sizes:
        arrays["choice_sizes"] = np.array(spec.choice_sizes, np.float32)
    return safetensors.numpy.save(arrays)


def _vector_shapes(spec: TaskSpec) -> dict[str, tuple[int, ...]]:
    width, length = _WIDTH_OF_VECTORS, spec.observation_dim
    shapes: dict[str, tuple[int, ...]] = {"observation_mean": (length,), "observation_std": (length,)}
    shapes |= _layer("hidden_0", width, length) | _layer("hidden_1", width, width)
    return shapes | _head_shapes(spec, width)


def _picture_shapes(spec: TaskSpec) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    (height, breadth), channels_in = spec.frame_shape, spec.num_channels
    if spec.num_numbers:
        shapes |= dict.fromkeys(("observation_mean", "observation_std"), (spec.num_numbers,))
    for index, (channels, kernel, stride) in enumerate(_CONVOLUTIONS):
        shapes |= _layer(f"conv_{index}", channels, channels_in, kernel, kernel)
        height, breadth = ((length - kernel) // stride + 1 for length in (height, breadth))
        channels_in = channels
    shapes |= _layer("dense", _WIDTH_OF_PICTURES, height * breadth * channels_in + spec.num_numbers)
    return shapes | _head_shapes(spec, _WIDTH_OF_PICTURES)


def _head_shapes(spec: TaskSpec, width: int) -> dict[str, tuple[int, ...]]:
    if spec.is_discrete:
        return _layer("logits", spec.action_width, width)
    return _layer("mean", spec.action_dim, width) | {"log_std": (spec.action_dim,)}


def _layer(name: str, num_outputs: int, *inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (num_outputs, *inputs), f"{name}.bias": (num_outputs,)}
