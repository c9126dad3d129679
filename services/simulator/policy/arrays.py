"""The arrays that a policy for a task must have; docs/protocol.md tells third parties the same.

All are float32. If frames are vectors, the torso is ``observation_mean``, ``observation_std``, ``hidden_0``
and ``hidden_1``; if they are pictures, ``conv_0`` to ``conv_2`` and ``dense``, and the first two as well if
there are numbers beside the pictures. If actions are choices, the head is ``logits``, with ``choice_sizes``
if there are several at once; if they are vectors, ``mean`` and ``log_std``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FloatArray
from somersault.domain.task_spec import TaskSpec
from somersault.errors import InvalidInputError

__all__ = ["CONVOLUTIONS", "check_policy_arrays"]

Shapes = dict[str, tuple[int, ...]]

CONVOLUTIONS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Channels, kernel and stride of each layer: Mnih et al. 2015 (doi 10.1038/nature14236), Methods."""


def check_policy_arrays(
    arrays: Mapping[str, NDArray[np.generic]], *, spec: TaskSpec
) -> dict[str, FloatArray]:
    """Return the arrays if they are a policy for this task.

    Raises:
        InvalidInputError: The task's pictures are too small, or an array is missing, unknown, of another
            shape or dtype, or not finite; the message names it.
    """
    shapes = _expected_shapes(arrays, spec)
    if arrays.keys() != shapes.keys():
        raise InvalidInputError("policy arrays", sorted(arrays), f"exactly {sorted(shapes)}")
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape:
            raise InvalidInputError(f"shape of policy array {name}", array.shape, str(shape))
        if array.dtype != np.float32:
            raise InvalidInputError(f"dtype of policy array {name}", str(array.dtype), "float32")
        if not np.isfinite(array).all():
            raise InvalidInputError(f"policy array {name}", "not finite", "finite")
    if "observation_std" in shapes and not (arrays["observation_std"] > 0).all():  # type: ignore[operator]
        raise InvalidInputError("policy array observation_std", "not positive", "positive")
    if spec.choice_sizes and arrays["choice_sizes"].tolist() != list(spec.choice_sizes):
        found, bound = arrays["choice_sizes"].tolist(), f"{list(spec.choice_sizes)}, the task's"
        raise InvalidInputError("policy array choice_sizes", found, bound)
    return {name: np.asarray(array, np.float32) for name, array in arrays.items()}


def _expected_shapes(arrays: Mapping[str, NDArray[np.generic]], spec: TaskSpec) -> Shapes:
    """Return each array's shape by name; the width of the hidden layers is read off a bias."""
    bias = arrays.get("dense.bias" if spec.is_image else "hidden_0.bias")
    width = 0 if bias is None else bias.size
    torso = _picture_shapes(spec, width) if spec.is_image else _vector_shapes(spec, width)
    return torso | _head_shapes(spec, width)


def _vector_shapes(spec: TaskSpec, width: int) -> Shapes:
    num_obs = spec.observation_dim
    return {
        **_normaliser_shapes(spec),
        "hidden_0.weight": (width, num_obs),
        "hidden_0.bias": (width,),
        "hidden_1.weight": (width, width),
        "hidden_1.bias": (width,),
    }


def _normaliser_shapes(spec: TaskSpec) -> Shapes:
    return dict.fromkeys(("observation_mean", "observation_std"), (spec.num_normalised,))


def _picture_shapes(spec: TaskSpec, width: int) -> Shapes:
    height, breadth = spec.frame_shape
    shapes, channels_in = _normaliser_shapes(spec) if spec.num_numbers else Shapes(), spec.num_channels
    for index, (channels, kernel, stride) in enumerate(CONVOLUTIONS):
        shapes[f"conv_{index}.weight"] = (channels, channels_in, kernel, kernel)
        shapes[f"conv_{index}.bias"] = (channels,)
        height, breadth = ((length - kernel) // stride + 1 for length in (height, breadth))
        channels_in = channels
    if min(height, breadth) < 1:
        raise InvalidInputError("task.frame_shape", spec.frame_shape, "36 x 36 or larger for a picture")
    num_inputs = height * breadth * channels_in + spec.num_numbers
    return shapes | {"dense.weight": (width, num_inputs), "dense.bias": (width,)}


def _head_shapes(spec: TaskSpec, width: int) -> Shapes:
    if spec.is_discrete:
        shapes = {"logits.weight": (spec.action_width, width), "logits.bias": (spec.action_width,)}
        return shapes | ({"choice_sizes": (len(spec.choice_sizes),)} if spec.choice_sizes else {})
    num_components = spec.action_dim
    return {
        "mean.weight": (num_components, width),
        "mean.bias": (num_components,),
        "log_std": (num_components,),
    }
