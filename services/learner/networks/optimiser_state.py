"""Networks and Adam's moments as arrays by name, for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from somersault.numerics.adam import Adam

__all__ = ["dump_networks", "load_networks"]


def dump_networks(networks: nn.Module, optimiser: Adam) -> dict[str, NDArray[np.generic]]:
    """Return copies of all weights and moments, on the CPU whatever the device."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, parameter in networks.named_parameters():
        arrays[f"networks.{name}"] = _array(parameter.detach())
        for moment, tensor in optimiser.state.get(parameter, {}).items():
            arrays[f"optimiser.{name}.{moment}"] = _array(tensor.reshape(-1))
    return arrays


def load_networks(arrays: Mapping[str, NDArray[np.generic]], networks: nn.Module, optimiser: Adam) -> None:
    """Restore weights and moments from what `dump_networks` returned.

    Raises:
        KeyError: An array is missing.
        ValueError: An array has another shape.
        RuntimeError: An array of moments has another size.
    """
    for name, parameter in networks.named_parameters():
        array = arrays[f"networks.{name}"]
        if array.shape != tuple(parameter.shape):  # copying would repeat a single number
            raise ValueError(f"networks.{name} is {array.shape}, must be {tuple(parameter.shape)}")
        parameter.data.copy_(_tensor(array))
        optimiser.state.pop(parameter, None)  # before its first step an optimiser has no moments
        if f"optimiser.{name}.step" in arrays:
            optimiser.state[parameter] = {
                "step": _tensor(arrays[f"optimiser.{name}.step"]).reshape(()).to(parameter.device),
                "exp_avg": _like(parameter, arrays[f"optimiser.{name}.exp_avg"]),
                "exp_avg_sq": _like(parameter, arrays[f"optimiser.{name}.exp_avg_sq"]),
            }


def _like(parameter: Tensor, array: NDArray[np.generic]) -> Tensor:
    """Return a moment in its parameter's memory layout, because the fused step reads both in the same order."""
    return torch.empty_like(parameter.detach()).copy_(_tensor(array).view_as(parameter))


def _array(tensor: Tensor) -> NDArray[np.generic]:
    return np.array(tensor.cpu().numpy(), order="C")


def _tensor(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
