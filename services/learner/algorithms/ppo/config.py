"""Settings of PPO."""

from __future__ import annotations

from typing import Literal

import pydantic

from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError
from somersault.runtime.config import COMPONENT, Component
from somersault.runtime.precision import Precision

__all__ = ["PPOConfig"]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=COMPONENT)
class PPOConfig(Component):
    """How the policy is improved on one rollout."""

    hidden_size: int = pydantic.Field(default=64, ge=1, le=8192)
    """Units of each of the two hidden layers over vectors; Schulman et al. 2017, section 6.1."""
    initial_log_std: float = pydantic.Field(default=0.0, ge=-20, le=2)
    """Log of the first standard deviation of actions, whose range is ±1; own runs."""
    discount: float = pydantic.Field(default=0.99, ge=0, lt=1)
    """Gamma, a step; Schulman et al. 2017, table 3."""
    trace_decay: float = pydantic.Field(default=0.95, ge=0, le=1)
    """Lambda of GAE; Schulman et al. 2017, table 3."""
    learning_rate: float = pydantic.Field(default=6e-4, gt=0, le=1)
    """Adam's step size; 3e-4 in Schulman et al. 2017, table 3; own runs: with twice that and rollouts of
    64 steps the hopper leaves the floor after 0.15 M steps instead of 0.3 M."""
    num_epochs: int = pydantic.Field(default=6, ge=1, le=1000)
    """Passes over a rollout; 10 in the paper, fewer since a rollout is one policy old."""
    minibatch_size: int = pydantic.Field(default=1024, ge=1, le=16_777_216)
    """Transitions a gradient step; 64 in the paper, more since small ones starve the CPU."""
    clip_ratio: float = pydantic.Field(default=0.2, gt=0, le=10)
    """Epsilon of the clipped objective; Schulman et al. 2017, table 3."""
    entropy_coefficient: float = pydantic.Field(default=0.003, ge=0, le=100)
    """Weight of the entropy bonus, a nat; own runs."""
    value_coefficient: float = pydantic.Field(default=0.5, ge=0, le=100)
    """Weight of the squared value error. Over vectors the value function has its own parameters, which makes it a matter
    of Adam's scale only; over pictures both share a torso."""
    max_gradient_norm: float = pydantic.Field(default=0.5, gt=0, le=1e6)
    """Bound on the gradient's norm over policy and value together; Andrychowicz et al. 2021."""
    target_kl: float | None = pydantic.Field(default=None, gt=0, le=100)
    """Stops the passes when the policy moved this far from its start, nats; none: never stops."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where gradients are computed; auto: on a GPU if there is one and observations are pictures. A network over vectors
    is so small that a GPU would wait for its launches."""
    precision: Precision = "float32"
    """What a network over pictures computes in: float32, or bfloat16, which is faster on processors and GPUs that have
    instructions for it and slower on others. Weights, losses and networks over vectors are float32 in any case."""

    def choose_device(self, spec: TaskSpec) -> str:
        """Gives "cpu" or "cuda".

        Raises:
            ConfigError: a GPU is asked for by name and there is none.
        """
        import torch  # late: settings are also read where nothing is learned

        has_gpu = torch.cuda.is_available()
        if self.device == "auto":
            return "cuda" if has_gpu and spec.is_image else "cpu"
        if self.device == "cuda" and not has_gpu:
            raise ConfigError("ppo.device", self.device, "auto or cpu where torch finds no GPU")
        return self.device
