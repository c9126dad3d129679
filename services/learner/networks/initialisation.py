"""Layers with orthogonal weights and zero biases, drawn from a given generator.

Saxe et al. 2014 (arXiv 1312.6120); for on-policy learning, Andrychowicz et al. 2021 (arXiv 2006.05990), §3.2.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import nn

__all__ = ["HIDDEN_GAIN", "convolution", "linear"]

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)

HIDDEN_GAIN = math.sqrt(2.0)
"""Gain of layers followed by a nonlinearity."""


def linear(fan_in: int, fan_out: int, *, gain: float, generator: torch.Generator) -> nn.Linear:
    """Return a dense layer."""
    layer = nn.Linear(fan_in, fan_out, device="meta")  # "meta" draws nothing from the global generator
    return _initialise(layer, gain=gain, generator=generator)


def convolution(
    channels_in: int, channels: int, *, kernel: int, stride: int, generator: torch.Generator
) -> nn.Conv2d:
    """Return a convolution without padding; as a matrix its weights are ``[channels, channels_in * kernel²]``."""
    layer = nn.Conv2d(channels_in, channels, kernel, stride, device="meta")
    return _initialise(layer, gain=HIDDEN_GAIN, generator=generator)


def _initialise(layer: Layer, *, gain: float, generator: torch.Generator) -> Layer:
    layer.to_empty(device="cpu")
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
