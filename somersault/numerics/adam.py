"""Adam and AdamW (Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101) in torch's fused step.

`torch.optim.Adam` does the same, but its first step imports torch's compiler, which no service uses: 800 modules, about as
long as all else that a learner or a reward service does before it serves. The arithmetic here is torch's own function.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

__all__ = ["Adam", "Moments"]

_BETA_1, _BETA_2 = 0.9, 0.999


Moments = dict[str, Tensor]
"""What Adam remembers of a parameter: ``step``, how many it took, float32 without dimensions; ``exp_avg`` and ``exp_avg_sq``,
the decaying means of gradients and of their squares, of the parameter's shape and memory layout."""


class Adam:
    """Steps that each parameter takes against its gradient, of about the learning rate."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        """Take the parameters, on one device, in float32.

        Args:
            parameters: What is changed in place.
            learning_rate: Of each step, above 0.
            epsilon: Added to the root of the mean square, above 0.
            weight_decay: How much each step shrinks parameters, times the learning rate (AdamW); 0 or more.
        """
        self.state: dict[nn.Parameter, Moments] = {}
        """The moments of those parameters that had a step; those without start afresh."""
        self._parameters = list(parameters)
        self._learning_rate = learning_rate
        self._epsilon = epsilon
        self._weight_decay = weight_decay

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change each parameter that has a gradient."""
        moving = [parameter for parameter in self._parameters if parameter.grad is not None]
        moments = [self._moments(parameter) for parameter in moving]
        adam(
            list(moving),
            [parameter.grad for parameter in moving if parameter.grad is not None],
            [each["exp_avg"] for each in moments],
            [each["exp_avg_sq"] for each in moments],
            [],
            [each["step"] for each in moments],
            fused=True,
            decoupled_weight_decay=True,
            amsgrad=False,
            beta1=_BETA_1,
            beta2=_BETA_2,
            lr=self._learning_rate,
            weight_decay=self._weight_decay,
            eps=self._epsilon,
            maximize=False,
        )

    def _moments(self, parameter: nn.Parameter) -> Moments:
        if parameter not in self.state:
            self.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            }
        return self.state[parameter]
