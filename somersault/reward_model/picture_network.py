"""Reward predictors for observations that are pictures: ``K`` convolutional networks.

Christiano et al. 2017 (arXiv 1706.03741), appendix A.2: four convolutions of 16 filters, batch normalisation and
dropout after each, one dense layer of 64, one output. The action is not an input. Numbers beside the newest picture,
which the paper doesn't have, enter the dense layer with the output of the convolutions, not normalised, as in networks
over vectors.

Scores are computed in float32 in every process (docs/adr/0015-precision.md); a training step may be in bfloat16.

Members are evaluated one after another, channels last: on two cores without bfloat16 a training step takes 0.7 of the
time of one grouped convolution a layer, and scoring takes about as long (docs/results.md).

Shapes: ``K`` members, ``B`` observations, ``F`` frames of ``P`` planes of ``H x W`` pixels and ``V`` numbers,
``C`` filters.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from somersault.reward_model.config import RewardModelConfig

__all__ = ["PictureNetwork"]

_LAYERS = ((7, 3), (5, 2), (3, 1), (3, 1))  # kernel and stride of each convolution; appendix A.2
_NUM_FILTERS = 16  # appendix A.2
_LEAST = 43  # pixels a side, of which the last convolution leaves one
_NEGATIVE_SLOPE = 0.01  # appendix A.2
_KEPT = 0.5  # share that dropout keeps; appendix A.2
_MAX_LEVEL = 255.0  # a pixel is 0 to 255, what the network sees 0 to 1
_EPSILON = (
    1e-5  # added to a variance before it divides; Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithm 1
)


class PictureNetwork(nn.Module):
    """Scores with the statistics that `calibrate` stored and without dropout; trains with the minibatch's and with dropout."""

    means: Tensor
    variances: Tensor

    chunk_rows = 128
    """Observations scored at once; more at once are no faster."""

    def __init__(self, config: RewardModelConfig, *, seed: int) -> None:
        """Initialise each member from its own draw of ``seed``; no global generator is used."""
        super().__init__()
        self.config = config
        generator = torch.Generator().manual_seed(seed)
        shapes = self.array_shapes(config)
        arrays = {name: _initial(name, shape, generator) for name, shape in shapes.items()}
        for name in ("means", "variances"):
            self.register_buffer(name, arrays[name])
        self.scales, self.shifts = nn.Parameter(arrays["scales"]), nn.Parameter(arrays["shifts"])
        self.filters, self.weights, self.biases = (
            nn.ParameterList(nn.Parameter(arrays[name]) for name in shapes if name.startswith(f"{group}."))
            for group in ("filters", "weights", "biases")
        )

    def forward(
        self,
        observations: Tensor,
        actions: Tensor | None = None,
        *,
        noise: np.random.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Predict the reward of each transition by each member.

        Args:
            observations: ``[..., F, *frame]`` uint8.
            actions: ignored, as in the paper.
            noise: draws the dropout of a training step, which also normalises by the minibatch; None to score.
            dtype: what the convolutions of a training step are computed in; scores are always float32.

        Returns:
            ``[K, ...]`` float32.
        """
        leading = observations.shape[:-3]
        members = range(self.config.num_members)
        numbers = self._numbers(observations)
        if noise is None:
            planes = self._planes(observations, torch.float32)
            rewards = [self._score(planes, numbers, member) for member in members]
        else:
            planes = self._planes(observations, dtype)
            rewards = [self._train(planes, numbers, member, noise) for member in members]
        return torch.stack(rewards).reshape(self.config.num_members, *leading)

    @torch.no_grad()
    def calibrate(self, observations: Tensor) -> None:
        """Store the statistics of these observations, ``[..., F, *frame]`` uint8, for scoring.

        Each layer's are those of the network as it scores: without dropout, the layers before it normalised by their
        own new statistics. A running mean over training steps would carry the spread that dropout adds (Li et al.
        2019, arXiv 1801.05134) and the weights of steps long past (Wu and Johnson 2021, arXiv 2105.07576, section 3).
        """
        planes = self._planes(observations, torch.float32)
        for member in range(self.config.num_members):
            hidden = planes
            for layer in range(len(_LAYERS)):
                hidden = self._convolve(hidden, self._filters(layer, member), layer=layer)
                variance, mean = torch.var_mean(hidden, dim=(0, 2, 3), correction=0)
                self.means[member, layer], self.variances[member, layer] = mean, variance
                factor, summand = (each[:, None, None] for each in self._normalisation(layer, member))
                hidden = functional.leaky_relu(factor * hidden + summand, _NEGATIVE_SLOPE)

    @staticmethod
    def array_shapes(config: RewardModelConfig) -> dict[str, tuple[int, ...]]:
        """Return the shape of each stored array, by name.

        Raises:
            ValueError: pictures are too small for four convolutions.
        """
        num_members, (height, width) = config.num_members, config.frame_shape
        channels = config.num_frames * config.num_planes
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (kernel, stride) in enumerate(_LAYERS):
            height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
            shapes[f"filters.{layer}"] = (num_members, _NUM_FILTERS, channels, kernel, kernel)
            channels = _NUM_FILTERS
        if min(height, width) < 1:
            raise ValueError(f"frame_shape is {config.frame_shape}, must be at least ({_LEAST}, {_LEAST})")
        num_inputs = _NUM_FILTERS * height * width + config.num_numbers
        for name in ("scales", "shifts", "means", "variances"):
            shapes[name] = (num_members, len(_LAYERS), _NUM_FILTERS)
        shapes["weights.0"] = (num_members, num_inputs, config.hidden_size)
        shapes["biases.0"] = (num_members, 1, config.hidden_size)
        shapes["weights.1"] = (num_members, config.hidden_size, 1)
        shapes["biases.1"] = (num_members, 1, 1)
        return shapes

    def _planes(self, observations: Tensor, dtype: torch.dtype) -> Tensor:
        """Return ``[B, F * P, H, W]``, channels last, in 0 to 255: integers up to 256 are exact in bfloat16 too."""
        rows = observations.reshape(-1, *self.config.observation_shape)[:, :, : self._num_plane_rows]
        num_channels = self.config.num_frames * self.config.num_planes
        planes = rows.reshape(len(rows), num_channels, *self.config.frame_shape)
        return planes.to(dtype, memory_format=torch.channels_last)

    def _numbers(self, observations: Tensor) -> Tensor:
        """Return ``[B, V]`` float32, the numbers beside the newest picture."""
        if not self.config.num_numbers:
            return torch.zeros(0)
        newest = observations.reshape(-1, *self.config.observation_shape)[:, -1, self._num_plane_rows :]
        packed = newest.flatten(1)[:, : 4 * self.config.num_numbers]
        return packed.contiguous().view(torch.float32)

    @property
    def _num_plane_rows(self) -> int:
        return self.config.num_planes * self.config.frame_shape[0]

    def _score(self, planes: Tensor, numbers: Tensor, member: int) -> Tensor:
        hidden = planes
        for layer in range(len(_LAYERS)):
            factor, summand = self._normalisation(layer, member)
            filters = self._filters(layer, member) * factor[:, None, None, None]
            hidden = self._convolve(hidden, filters, summand, layer=layer)
            hidden = functional.leaky_relu(hidden, _NEGATIVE_SLOPE)
        return self._dense(hidden, numbers, member)

    def _train(self, planes: Tensor, numbers: Tensor, member: int, noise: np.random.Generator) -> Tensor:
        hidden = planes
        for layer in range(len(_LAYERS)):
            hidden = self._convolve(hidden, self._filters(layer, member), layer=layer)
            scale, shift = self.scales[member, layer], self.shifts[member, layer]
            hidden = functional.batch_norm(hidden, None, None, scale, shift, training=True, eps=_EPSILON)
            hidden = _drop(functional.leaky_relu(hidden, _NEGATIVE_SLOPE), noise)
        return self._dense(hidden, numbers, member)

    def _filters(self, layer: int, member: int) -> Tensor:
        filters: Tensor = self.filters[layer][member]
        return filters / _MAX_LEVEL if layer == 0 else filters  # scales the filters, not each picture

    def _convolve(
        self, hidden: Tensor, filters: Tensor, summand: Tensor | None = None, *, layer: int
    ) -> Tensor:
        filters = filters.to(hidden.dtype, memory_format=torch.channels_last)
        return functional.conv2d(hidden, filters, summand, _LAYERS[layer][1])

    def _normalisation(self, layer: int, member: int) -> tuple[Tensor, Tensor]:
        """Return what normalising by the stored statistics comes to: a factor and a summand for each filter, ``[C]``."""
        factor = self.scales[member, layer] / torch.sqrt(self.variances[member, layer] + _EPSILON)
        return factor, self.shifts[member, layer] - factor * self.means[member, layer]

    def _dense(self, hidden: Tensor, numbers: Tensor, member: int) -> Tensor:
        """Return ``[B]`` float32, in full precision because sums of these are compared."""
        rows = hidden.flatten(1).float()
        if self.config.num_numbers:
            rows = torch.cat([rows, numbers], dim=1)
        units = functional.leaky_relu(
            rows @ self.weights[0][member] + self.biases[0][member], _NEGATIVE_SLOPE
        )
        rewards: Tensor = units @ self.weights[1][member] + self.biases[1][member]
        return rewards[:, 0]


def _initial(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return an initial array, uniform within the inverse root of the number of inputs, as in a perceptron."""
    if name in ("scales", "variances"):
        return torch.ones(shape)
    if name in ("shifts", "means") or name.startswith("biases"):
        return torch.zeros(shape)
    fan_in = math.prod(shape[2:]) if name.startswith("filters") else shape[1]
    return torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator)


def _drop(hidden: Tensor, noise: np.random.Generator) -> Tensor:
    """Drop or keep each activation of ``[B, C, H, W]`` by a bit of its own; torch's own draws take 40 times as long."""
    rows, filters, height, width = hidden.shape
    random = np.frombuffer(noise.bytes(-(-hidden.numel() // 8)), np.uint8)
    bits = np.unpackbits(random, count=hidden.numel()).reshape(rows, height, width, filters)
    return hidden * (torch.from_numpy(bits).permute(0, 3, 1, 2).to(hidden.dtype) / _KEPT)
