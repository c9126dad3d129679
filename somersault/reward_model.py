"""The reward model: an ensemble of small networks that score transitions.

Shared by the service that trains it and by those that score with it. Shapes: ``K`` members,
``O`` observation length, ``A`` action length; leading axes ``...`` are any.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from somersault.errors import CorruptDataError

_FORMAT = "somersault.reward_model.1"  # key of the shape in the header; the number is a version
_HEADER_MAX_BYTES = 1 << 20  # the header is text about a dozen arrays; more is an attack
_NEGATIVE_SLOPE = 0.01  # Christiano et al. 2017, appendix A.1
_CHUNK_ROWS = 16_384  # keeps activations of one pass within the processor's cache and memory flat


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardModelConfig:
    """The shape of an ensemble; stored with its weights."""

    observation_dim: int
    """Numbers in one observation."""
    action_dim: int
    """Numbers in one action."""
    num_members: int = 3
    """Members ``K``; Christiano et al. 2017 train 3."""
    hidden_size: int = 64
    """Units of each hidden layer; Christiano et al. 2017, appendix A.1."""
    num_hidden_layers: int = 2
    """Hidden layers; Christiano et al. 2017, appendix A.1."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 1:
                raise ValueError(f"{name} is {value}, must be at least 1")


class RewardEnsemble(nn.Module):
    """``K`` reward predictors evaluated together, one batched product a layer."""

    def __init__(self, config: RewardModelConfig, *, seed: int) -> None:
        """Initialises each member from its own draw of ``seed``; no global generator is used."""
        super().__init__()
        self.config = config
        generator = torch.Generator().manual_seed(seed)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for fan_in, fan_out in _layer_sizes(config):
            bound = fan_in**-0.5
            weight = torch.empty(config.num_members, fan_in, fan_out)
            bias = torch.empty(config.num_members, 1, fan_out)
            self.weights.append(nn.Parameter(weight.uniform_(-bound, bound, generator=generator)))
            self.biases.append(nn.Parameter(bias.uniform_(-bound, bound, generator=generator)))

    def forward(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Predicts the reward of each transition by each member.

        Args:
            observations: ``[..., O]`` float32.
            actions: ``[..., A]`` float32, as executed.

        Returns:
            ``[K, ...]`` float32.
        """
        _check_size("observations", observations, self.config.observation_dim)
        _check_size("actions", actions, self.config.action_dim)
        inputs = torch.cat([observations, actions], dim=-1)
        hidden = inputs.reshape(1, -1, inputs.shape[-1]).expand(self.config.num_members, -1, -1)
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < last:
                hidden = nn.functional.leaky_relu(hidden, _NEGATIVE_SLOPE)
        return hidden.reshape(self.config.num_members, *inputs.shape[:-1])

    @torch.no_grad()
    def predict(self, observations: NDArray[np.float32], actions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predicts without gradients, in chunks of bounded memory.

        Args:
            observations: ``[..., O]`` float32.
            actions: ``[..., A]`` float32, as executed.

        Returns:
            ``[K, ...]`` float32.
        """
        leading = observations.shape[:-1]
        rows = observations.reshape(-1, observations.shape[-1])
        executed = actions.reshape(-1, actions.shape[-1])
        predictions = np.empty((self.config.num_members, len(rows)), np.float32)
        for start in range(0, len(rows), _CHUNK_ROWS):
            chunk = slice(start, start + _CHUNK_ROWS)
            scored = self(_tensor(rows[chunk]), _tensor(executed[chunk]))
            predictions[:, chunk] = scored.numpy()
        return predictions.reshape(self.config.num_members, *leading)

    def to_bytes(self) -> bytes:
        """Encodes shape and weights as safetensors."""
        # one entry: safetensors keeps no order among several, and equal weights give equal bytes
        metadata = {_FORMAT: json.dumps(asdict(self.config))}
        tensors = {name: tensor.detach().contiguous() for name, tensor in self.named_parameters()}
        return save(tensors, metadata=metadata)

    @classmethod
    def from_bytes(cls, data: bytes) -> RewardEnsemble:
        """Decodes an ensemble that `to_bytes` encoded.

        Raises:
            CorruptDataError: the header, a shape, a dtype or a value is not what it must be.
        """
        config = _read_config(data)
        try:
            tensors = load(data)
        except SafetensorError as err:
            raise CorruptDataError(f"reward model: {err}") from err
        ensemble = cls(config, seed=0)
        _check_tensors(tensors, dict(ensemble.named_parameters()))
        ensemble.load_state_dict(tensors)
        return ensemble


def _tensor(array: NDArray[np.float32]) -> Tensor:
    # copied: what came over the wire is read-only, which torch can't express
    return torch.from_numpy(np.array(array, dtype=np.float32))


def _layer_sizes(config: RewardModelConfig) -> list[tuple[int, int]]:
    hidden = [config.hidden_size] * config.num_hidden_layers
    sizes = [config.observation_dim + config.action_dim, *hidden, 1]
    return list(itertools.pairwise(sizes))


def _check_size(name: str, array: Tensor, size: int) -> None:
    if array.shape[-1] != size:
        raise ValueError(f"{name} has {array.shape[-1]} columns, must have {size}")


def _read_config(data: bytes) -> RewardModelConfig:
    """Reads the ensemble's shape from the header, before any weight is allocated."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 0 < length <= min(_HEADER_MAX_BYTES, len(data) - 8):
        raise CorruptDataError(f"reward model: header of {length} bytes in {len(data)} bytes")
    try:
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        config = RewardModelConfig(**json.loads(metadata[_FORMAT]))
        sizes = _layer_sizes(config)
    except (KeyError, TypeError, ValueError) as err:
        raise CorruptDataError(f"reward model: header can't be read: {err!r}") from err
    num_weights = config.num_members * sum((fan_in + 1) * fan_out for fan_in, fan_out in sizes)
    if num_weights * 4 != len(data) - 8 - length:
        raise CorruptDataError(
            f"reward model: {len(data) - 8 - length} bytes of weights, must be {num_weights * 4}"
        )
    return config


def _check_tensors(tensors: dict[str, Tensor], expected: dict[str, nn.Parameter]) -> None:
    if tensors.keys() != expected.keys():
        raise CorruptDataError(f"reward model: arrays {sorted(tensors)}")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape or tensor.dtype != torch.float32:
            raise CorruptDataError(
                f"reward model: {name} is {tensor.dtype} {tuple(tensor.shape)}, "
                f"must be torch.float32 {tuple(expected[name].shape)}"
            )
        if not torch.isfinite(tensor).all():
            raise CorruptDataError(f"reward model: {name} holds values that are not finite")
