"""Ensembles as bytes: safetensors, whose one entry of metadata holds the shape.

What is read is checked before anything of the size it claims is allocated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from somersault.errors import CorruptDataError
from somersault.formats.safetensors import read_header
from somersault.formats.strict_json import dump_json, load_json
from somersault.reward_model.config import RewardModelConfig

__all__ = ["decode", "encode", "read_config"]

_FORMAT = "somersault.reward_model.2"  # key of the shape in the header; the number is a version
_FLOAT_BYTES = 4


def encode(config: RewardModelConfig, tensors: Mapping[str, Tensor]) -> bytes:
    """Return shape and arrays as bytes."""
    # one entry: safetensors keeps no order among several, and equal weights give equal bytes
    shape = asdict(config)
    for name, usual in (("choice_sizes", ()), ("num_planes", 1), ("num_numbers", 0)):
        if shape[name] == usual:
            del shape[name]  # whoever knows of no such tasks can still read the others
    metadata = {_FORMAT: dump_json(shape)}
    return save({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, metadata=metadata)


def read_config(data: bytes) -> RewardModelConfig:
    """Return an ensemble's shape, read from the header.

    Raises:
        CorruptDataError: the header is not what it must be.
    """
    try:
        metadata = read_header(data, what="reward model").metadata
        return RewardModelConfig(**load_json(metadata[_FORMAT]))
    except (KeyError, TypeError, ValueError, RecursionError) as err:
        raise CorruptDataError(f"reward model: header can't be read: {err!r}") from err


def decode(data: bytes, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Return the arrays of an ensemble that has these shapes.

    Raises:
        CorruptDataError: the bytes hold other arrays, or a value that can't be.
    """
    num_bytes = read_header(data, what="reward model").num_array_bytes
    expected_bytes = _FLOAT_BYTES * sum(math.prod(shape) for shape in shapes.values())
    if num_bytes != expected_bytes:
        raise CorruptDataError(f"reward model: {num_bytes} bytes of weights, must be {expected_bytes}")
    try:
        tensors = load(data)
    except SafetensorError as err:
        raise CorruptDataError(f"reward model: {err}") from err
    if tensors.keys() != shapes.keys():
        raise CorruptDataError(f"reward model: arrays {sorted(tensors)}, must be {sorted(shapes)}")
    for name, tensor in tensors.items():
        _check(name, tensor, shapes[name])
    return tensors


def _check(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tensor.shape != shape or tensor.dtype != torch.float32:
        raise CorruptDataError(
            f"reward model: {name} is {tensor.dtype} {tuple(tensor.shape)}, must be torch.float32 {shape}"
        )
    if not torch.isfinite(tensor).all():
        raise CorruptDataError(f"reward model: {name} holds values that are not finite")
    if name == "variances" and (tensor < 0).any():
        raise CorruptDataError(f"reward model: {name} holds values below 0")
