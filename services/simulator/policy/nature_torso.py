"""Features of observations that are pictures: three convolutions and a dense layer, on torch.

The only file of the simulator that imports torch; `Policy` imports it when it opens a policy for pictures.
Mnih et al. 2015 (doi 10.1038/nature14236), Methods.

Shapes: n observations at once, F frames, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from services.simulator.policy.arrays import CONVOLUTIONS
from services.simulator.policy.tanh_torso import OBSERVATION_BOUND
from somersault.domain.arrays import FloatArray, FrameArray
from somersault.domain.packing import numbers_of, planes_of
from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError
from somersault.numerics.precision import Precision

try:
    import torch
    from torch.nn import functional

    from somersault.numerics.precision import torch_dtype
except ImportError as error:
    raise ConfigError(
        "a policy for pictures needs torch: pip install 'somersault[simulator-pictures]'"
    ) from error

__all__ = ["NatureTorso"]

_STRIDES = [stride for _, _, stride in CONVOLUTIONS]
_MAX_LEVEL = 255.0  # a pixel is 0 to 255, what the network sees 0 to 1


class NatureTorso:
    """Runs the network without gradients; threads may share it, because it keeps nothing between calls."""

    def __init__(
        self,
        arrays: Mapping[str, FloatArray],
        *,
        spec: TaskSpec,
        precision: Precision,
        num_threads: int,
    ) -> None:
        """Load the network.

        Args:
            arrays: ``conv_0`` to ``conv_2``, ``dense``, and what numbers are normalised by.
            spec: The task.
            precision: What the network computes in.
            num_threads: How many threads torch uses; applies to the whole process.
        """
        if torch.get_num_threads() != num_threads:
            torch.set_num_threads(num_threads)
        self._dtype = torch_dtype(precision)
        self._spec = spec
        self._mean, self._std = (arrays.get(f"observation_{name}") for name in ("mean", "std"))
        self._layers = [
            (_tensor(arrays[f"{name}.weight"], self._dtype), _tensor(arrays[f"{name}.bias"], self._dtype))
            for name in ("conv_0", "conv_1", "conv_2", "dense")
        ]
        first, bias = self._layers[0]
        self._layers[0] = (first / _MAX_LEVEL, bias)  # scales the weights once instead of every picture

    def features(self, observations: FrameArray) -> FloatArray:
        """Return ``[n, 512]`` float32 for ``[n, F, *frame]`` uint8 of any strides."""
        spec, seen = self._spec, observations
        if spec.stored_shape != spec.frame_shape:
            seen = planes_of(observations, frame_shape=spec.frame_shape, num_planes=spec.num_planes)
        with torch.inference_mode():
            # bfloat16 holds every whole number up to 256, so grey levels stay exact.
            planes = torch.from_numpy(seen).to(self._dtype, memory_format=torch.channels_last)
            for (weight, bias), stride in zip(self._layers[:3], _STRIDES, strict=True):
                planes = functional.conv2d(planes, weight, bias, stride).relu_()
            rows = planes.permute(0, 2, 3, 1).flatten(1)  # row, column, channel: as they lie in memory
            if spec.num_numbers:
                rows = torch.cat([rows, self._numbers(observations)], dim=1)
            features: FloatArray = functional.linear(rows, *self._layers[3]).relu_().float().numpy()
            return features

    def _numbers(self, observations: FrameArray) -> torch.Tensor:
        """Return the newest frame's numbers ``[n, V]``, normalised as the learner does."""
        assert self._mean is not None
        assert self._std is not None
        numbers = numbers_of(observations[:, -1], num_numbers=self._spec.num_numbers)
        normalised = np.clip((numbers - self._mean) / self._std, -OBSERVATION_BOUND, OBSERVATION_BOUND)
        return torch.from_numpy(np.asarray(normalised, np.float32)).to(self._dtype)


def _tensor(array: FloatArray, dtype: torch.dtype) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(array)).to(dtype)
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor
