"""Runs a policy in numpy: a simulator needs no training framework.

The policy is a diagonal Gaussian whose mean is a network with two tanh layers. Its arrays, all
float32: ``observation_mean``, ``observation_std`` ``[O]``; ``hidden_0.weight`` ``[H, O]``,
``hidden_0.bias`` ``[H]``; ``hidden_1.weight`` ``[H, H]``, ``hidden_1.bias`` ``[H]``;
``mean.weight`` ``[A, H]``, ``mean.bias`` ``[A]``; ``log_std`` ``[A]``.

Shapes: B observations at once, O observation, A action, H hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from somersault.errors import InvalidInputError
from somersault.tasks import Task

__all__ = ["MAX_POLICY_BYTES", "OBSERVATION_BOUND", "Policy"]

MAX_POLICY_BYTES = 16 << 20  # as SimulatorService.Evaluate says
OBSERVATION_BOUND = 10.0  # normalised observations are clipped here, as the learner does

_FloatArray = NDArray[np.float32]


class Policy:
    """Computes actions from observations; not thread-safe, since it reuses its buffers."""

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]], *, task: Task) -> None:
        """Checks and takes over the arrays of a policy for this task.

        Raises:
            InvalidInputError: An array is missing, unknown, of another shape or dtype, or not
                finite; the message names it.
        """
        _check_arrays(arrays, _expected_shapes(arrays, task))
        taken = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
        self._observation_mean = taken["observation_mean"]
        self._observation_scale = 1.0 / taken["observation_std"]
        self._layers = [
            (np.ascontiguousarray(taken[f"{name}.weight"].T), taken[f"{name}.bias"])
            for name in ("hidden_0", "hidden_1", "mean")
        ]
        self._log_std = taken["log_std"]
        self._std = np.exp(self._log_std)
        self.action_dim = task.action_dim
        self._buffers: list[_FloatArray] = []

    @classmethod
    def from_bytes(cls, data: bytes, *, task: Task) -> Policy:
        """Reads a policy from safetensors.

        Raises:
            InvalidInputError: It is too large, not safetensors, or not a policy for this task.
        """
        if len(data) > MAX_POLICY_BYTES:
            raise InvalidInputError("policy", f"{len(data)} bytes", f"at most {MAX_POLICY_BYTES}")
        try:
            arrays = safetensors.numpy.load(data)
        except safetensors.SafetensorError as err:
            raise InvalidInputError(f"policy can't be read as safetensors: {err}") from err
        return cls(arrays, task=task)

    def mean_actions(self, observations: _FloatArray) -> _FloatArray:
        """Gives the mean action of each observation.

        Args:
            observations: ``[B, O]`` float32, not normalised.

        Returns:
            ``[B, A]`` float32 in a buffer that the next call writes again.
        """
        normalised, *outputs = self._buffers_for(len(observations))
        np.subtract(observations, self._observation_mean, out=normalised)
        normalised *= self._observation_scale
        np.clip(normalised, -OBSERVATION_BOUND, OBSERVATION_BOUND, out=normalised)
        inputs, last = normalised, outputs[-1]
        for (weight, bias), output in zip(self._layers, outputs, strict=True):
            np.matmul(inputs, weight, out=output)
            np.add(output, bias, out=output)
            inputs = output if output is last else np.tanh(output, out=output)
        return inputs

    def sample(self, observations: _FloatArray, noise: _FloatArray, *, out: _FloatArray) -> None:
        """Writes mean + std · noise, not clipped, into ``out``; all ``[B, A]`` float32."""
        np.multiply(noise, self._std, out=out)
        out += self.mean_actions(observations)

    def log_probs(self, noise: _FloatArray) -> _FloatArray:
        """Gives the log-density of the actions that came of this noise.

        Args:
            noise: ``[..., A]`` float32, standard normal, as given to `sample`.

        Returns:
            ``[...]`` float32: the sum over A of -noise²/2 - log std - log(2π)/2.
        """
        constant = float(self._log_std.sum()) + 0.5 * self.action_dim * math.log(2.0 * math.pi)
        log_probs: _FloatArray = -0.5 * np.square(noise).sum(axis=-1) - np.float32(constant)
        return log_probs

    def _buffers_for(self, batch: int) -> list[_FloatArray]:
        """Gives one array for the normalised input and for each layer's output."""
        if not self._buffers or len(self._buffers[0]) != batch:
            widths = [len(self._observation_mean), *(len(bias) for _, bias in self._layers)]
            self._buffers = [np.empty((batch, width), np.float32) for width in widths]
        return self._buffers


def _expected_shapes(arrays: Mapping[str, NDArray[np.generic]], task: Task) -> dict[str, tuple[int, ...]]:
    """Gives each array's name and shape; the width of the hidden layers is read off the first."""
    bias = arrays.get("hidden_0.bias")
    hidden = 0 if bias is None else bias.size
    num_obs, num_actions = task.observation_dim, task.action_dim
    return {
        "observation_mean": (num_obs,),
        "observation_std": (num_obs,),
        "hidden_0.weight": (hidden, num_obs),
        "hidden_0.bias": (hidden,),
        "hidden_1.weight": (hidden, hidden),
        "hidden_1.bias": (hidden,),
        "mean.weight": (num_actions, hidden),
        "mean.bias": (num_actions,),
        "log_std": (num_actions,),
    }


def _check_arrays(arrays: Mapping[str, NDArray[np.generic]], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Checks names, shapes, dtypes and values.

    Raises:
        InvalidInputError: See `Policy`.
    """
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
    if not (arrays["observation_std"] > 0).all():  # type: ignore[operator]
        raise InvalidInputError("policy array observation_std", "not positive", "positive")
