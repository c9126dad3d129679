"""From observations to features: two tanh layers for vectors, three convolutions for pictures.

Shapes: ``B`` rows, ``O`` observation length, ``F`` frames of ``C`` planes of ``H`` x ``W`` pixels, and of
``V`` numbers in ``R`` rows below (`somersault.domain.packing`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.learner.networks.initialisation import HIDDEN_GAIN, convolution, linear
from somersault.errors import InvalidInputError

__all__ = ["NatureTorso", "TanhTorso", "Torso"]

_CONVOLUTIONS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Channels, kernel and stride of each layer: Mnih et al. 2015 (doi 10.1038/nature14236), Methods."""
_NUM_FEATURES = 512  # the same
_MAX_LEVEL = 255.0  # a pixel is 0 to 255, what the network sees 0 to 1


class TanhTorso(nn.Module):
    """Two tanh layers over observations normalised before (`ObservationNormaliser`)."""

    def __init__(self, *, observation_dim: int, hidden_size: int, generator: torch.Generator) -> None:
        """Initialise from ``generator``."""
        super().__init__()
        self.num_features = hidden_size
        self.hidden_0 = linear(observation_dim, hidden_size, gain=HIDDEN_GAIN, generator=generator)
        self.hidden_1 = linear(hidden_size, hidden_size, gain=HIDDEN_GAIN, generator=generator)

    def forward(self, observations: Tensor) -> Tensor:
        """Return features ``[B, hidden_size]`` of observations ``[B, O]``, float32."""
        return torch.tanh(self.hidden_1(torch.tanh(self.hidden_0(observations))))


class NatureTorso(nn.Module):
    """Three convolutions and a dense layer over pictures, whose levels are only scaled, not normalised.

    Numbers beside the newest picture, normalised before, enter the dense layer with the output of the convolutions.
    """

    def __init__(
        self,
        *,
        num_frames: int,
        frame_shape: tuple[int, ...],
        num_planes: int = 1,
        num_numbers: int = 0,
        dtype: torch.dtype,
        generator: torch.Generator,
    ) -> None:
        """Initialise from ``generator``.

        Args:
            num_frames: F.
            frame_shape: H and W, at least 36.
            num_planes: C.
            num_numbers: V.
            dtype: What it computes in; the weights are always float32.
            generator: Draws the weights.

        Raises:
            InvalidInputError: The pictures are too small.
        """
        super().__init__()
        self.num_features = _NUM_FEATURES
        self._dtype = dtype
        height, width = self._frame_shape = frame_shape
        self._num_planes, self._num_numbers = num_planes, num_numbers
        for _, kernel, stride in _CONVOLUTIONS:
            height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
        if min(height, width) < 1:
            raise InvalidInputError("task.frame_shape", frame_shape, "36 x 36 or larger for a picture")
        channels_in = (num_frames * num_planes, *(channels for channels, _, _ in _CONVOLUTIONS))
        self.conv_0, self.conv_1, self.conv_2 = (
            convolution(fan_in, channels, kernel=kernel, stride=stride, generator=generator)
            for fan_in, (channels, kernel, stride) in zip(channels_in, _CONVOLUTIONS, strict=False)
        )
        num_places = height * width * channels_in[-1]
        self.dense = linear(num_places + num_numbers, _NUM_FEATURES, gain=HIDDEN_GAIN, generator=generator)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast on a CPU

    def forward(self, observations: Tensor) -> Tensor:
        """Return features ``[B, 512]`` float32 of observations ``[B, F, C * H + R, W]`` uint8."""
        num_rows = self._num_planes * self._frame_shape[0]
        packed = observations[:, -1, num_rows:].flatten(1)[:, : 4 * self._num_numbers]
        observations = observations[:, :, :num_rows].reshape(
            len(observations), observations.shape[1] * self._num_planes, *self._frame_shape
        )
        is_autocast = self._dtype != torch.float32
        with torch.autocast(observations.device.type, dtype=self._dtype, enabled=is_autocast):
            # bfloat16 holds every whole number up to 256, so levels stay exact.
            planes = observations.to(self._dtype, memory_format=torch.channels_last)
            # Scale the weights, because there are fewer of them than pixels.
            first = self.conv_0.weight / _MAX_LEVEL
            planes = functional.conv2d(planes, first, self.conv_0.bias, self.conv_0.stride).relu_()
            planes = self.conv_2(self.conv_1(planes).relu_()).relu_()
            rows = planes.permute(0, 2, 3, 1).flatten(1)  # row, column, channel: as they lie in memory
            if self._num_numbers:
                seen = packed.contiguous().view(torch.float32)
                rows = torch.cat([rows, seen.to(rows.dtype)], dim=1)
            return functional.relu(self.dense(rows)).float()


Torso = TanhTorso | NatureTorso
