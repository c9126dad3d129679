"""Reward predictors for observations that are vectors: ``K`` perceptrons, one batched product a layer.

Shapes: ``K`` members, ``O`` observation length, ``A`` action length, ``D`` choices made at once; ``...`` stands for any leading
axes.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from somersault.reward_model.config import RewardModelConfig

__all__ = ["VectorNetwork"]

_NEGATIVE_SLOPE = 0.01  # Christiano et al. 2017, appendix A.1


class VectorNetwork(nn.Module):
    """Scores observation and action together; a choice is encoded one-hot."""

    chunk_rows = 16_384
    """Transitions scored at once: keeps activations in the processor's cache and memory flat."""

    def __init__(self, config: RewardModelConfig, *, seed: int) -> None:
        """Initialise each member from its own draw of ``seed``; no global generator is used."""
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

    def forward(
        self,
        observations: Tensor,
        actions: Tensor,
        *,
        noise: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Predict the reward of each transition by each member.

        Args:
            observations: ``[..., O]`` float32.
            actions: ``[..., A]`` float32, as executed, or ``[...]`` or ``[..., D]`` int32.
            noise: unused, because these predictors have no dropout.
            dtype: ignored; these predictors are small and always float32.

        Returns:
            ``[K, ...]`` float32.
        """
        inputs = torch.cat([observations, self._action_inputs(actions)], dim=-1)
        hidden = inputs.reshape(1, -1, inputs.shape[-1]).expand(self.config.num_members, -1, -1)
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < last:
                hidden = nn.functional.leaky_relu(hidden, _NEGATIVE_SLOPE)
        return hidden.reshape(self.config.num_members, *inputs.shape[:-1])

    @staticmethod
    def array_shapes(config: RewardModelConfig) -> dict[str, tuple[int, ...]]:
        """Return the shape of each stored array, by name."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (fan_in, fan_out) in enumerate(_layer_sizes(config)):
            shapes[f"weights.{layer}"] = (config.num_members, fan_in, fan_out)
            shapes[f"biases.{layer}"] = (config.num_members, 1, fan_out)
        return shapes

    def _action_inputs(self, actions: Tensor) -> Tensor:
        if not self.config.is_discrete:
            return actions
        choices = self.config.choices
        made = actions if self.config.choice_sizes else actions.unsqueeze(-1)
        owners = torch.arange(len(choices)).repeat_interleave(torch.tensor(choices))
        numbers = torch.cat([torch.arange(size) for size in choices])
        return (made[..., owners] == numbers).float()  # if nothing was chosen, all are 0


def _layer_sizes(config: RewardModelConfig) -> list[tuple[int, int]]:
    hidden = [config.hidden_size] * config.num_hidden_layers
    sizes = [config.frame_shape[0] + config.action_width, *hidden, 1]
    return list(itertools.pairwise(sizes))
