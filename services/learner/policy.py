"""The policy and the value function of the learner.

Shapes: ``B`` rows, ``O`` observation length, ``A`` action length, ``H`` hidden units. Observations come
normalised (`ObservationNormaliser`); actions are unclipped: the environment clips what it executes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from somersault.errors import CorruptDataError

_MEAN_GAIN = 0.01  # first actions near zero whatever is observed; Andrychowicz et al. 2021, §3.2
_HIDDEN_GAIN = math.sqrt(2.0)
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class GaussianPolicy(nn.Module):
    """A normal distribution over actions: mean from two tanh layers, one log std an action."""

    def __init__(
        self,
        *,
        observation_dim: int,
        action_dim: int,
        hidden_size: int,
        initial_log_std: float,
        seed: int,
    ) -> None:
        """Initialises orthogonally from ``seed``; no global generator is used."""
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.hidden = _hidden_layers(observation_dim, hidden_size, generator)
        self.mean = _linear(hidden_size, action_dim, gain=_MEAN_GAIN, generator=generator)
        self.log_std = nn.Parameter(torch.full((action_dim,), initial_log_std))

    def forward(self, observations: Tensor) -> Tensor:
        """Gives the mean action ``[B, A]`` for normalised observations ``[B, O]``, float32."""
        mean: Tensor = self.mean(_hidden_pass(self.hidden, observations))
        return mean

    def log_prob(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Gives the log density ``[B]`` of unclipped actions ``[B, A]``, float32."""
        standardised = (actions - self(observations)) * torch.exp(-self.log_std)
        terms = -0.5 * standardised**2 - self.log_std - _HALF_LOG_TWO_PI
        log_prob: Tensor = terms.sum(dim=-1)
        return log_prob

    def entropy(self) -> Tensor:
        """Gives the differential entropy, a scalar in nats; the same for each observation."""
        return (self.log_std + 0.5 + _HALF_LOG_TWO_PI).sum()


class ValueNetwork(nn.Module):
    """The expected discounted return of an observation."""

    def __init__(self, *, observation_dim: int, hidden_size: int, seed: int) -> None:
        """Initialises orthogonally from ``seed``; no global generator is used."""
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.hidden = _hidden_layers(observation_dim, hidden_size, generator)
        self.value = _linear(hidden_size, 1, gain=1.0, generator=generator)

    def forward(self, observations: Tensor) -> Tensor:
        """Gives the value ``[B]`` of normalised observations ``[B, O]``, float32."""
        value: Tensor = self.value(_hidden_pass(self.hidden, observations))
        return value.squeeze(-1)


def export_policy(
    policy: GaussianPolicy,
    *,
    observation_mean: NDArray[np.float32],
    observation_std: NDArray[np.float32],
) -> dict[str, NDArray[np.float32]]:
    """Gives the arrays that simulators act with, copied, under the names of the wire.

    Args:
        policy: whose weights.
        observation_mean: ``[O]`` float32.
        observation_std: ``[O]`` float32, positive.

    Returns:
        float32 arrays: ``observation_mean``, ``observation_std`` ``[O]``, ``hidden_0.weight``
        ``[H, O]``, ``hidden_0.bias`` ``[H]``, ``hidden_1.weight`` ``[H, H]``, ``hidden_1.bias``
        ``[H]``, ``mean.weight`` ``[A, H]``, ``mean.bias`` ``[A]``, ``log_std`` ``[A]``.
    """
    arrays = {
        "observation_mean": observation_mean.astype(np.float32),
        "observation_std": observation_std.astype(np.float32),
    }
    for name, parameter in policy.named_parameters():
        arrays[_wire_name(name)] = parameter.detach().numpy().copy()
    return arrays


def load_policy(policy: GaussianPolicy, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Copies exported weights into ``policy``; the normaliser's two arrays are not touched.

    Raises:
        CorruptDataError: an array is missing or has another shape.
    """
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            array = arrays.get(_wire_name(name))
            if array is None or array.shape != tuple(parameter.shape):
                found = "missing" if array is None else f"of shape {array.shape}"
                raise CorruptDataError(
                    f"policy: {_wire_name(name)} is {found}, must be {tuple(parameter.shape)}"
                )
            parameter.copy_(torch.from_numpy(np.array(array)))


def _wire_name(name: str) -> str:
    return name.replace("hidden.", "hidden_")


def _hidden_layers(observation_dim: int, hidden_size: int, generator: torch.Generator) -> nn.ModuleList:
    return nn.ModuleList(
        [
            _linear(fan_in, hidden_size, gain=_HIDDEN_GAIN, generator=generator)
            for fan_in in (observation_dim, hidden_size)
        ]
    )


def _hidden_pass(layers: nn.ModuleList, observations: Tensor) -> Tensor:
    for layer in layers:
        observations = torch.tanh(layer(observations))
    return observations


def _linear(fan_in: int, fan_out: int, *, gain: float, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(fan_in, fan_out, device="meta")  # "meta" draws nothing globally
    layer.to_empty(device="cpu")
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
