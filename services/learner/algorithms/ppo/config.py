"""Settings of proximal policy optimisation."""

from __future__ import annotations

from typing import ClassVar, Literal

import pydantic

from services.learner.algorithms.algorithm import AlgorithmConfig
from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError
from somersault.numerics.precision import Precision
from somersault.runtime.config import COMPONENT

__all__ = ["PPOConfig"]


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=COMPONENT)
class PPOConfig(AlgorithmConfig):
    """How the policy is improved on one rollout."""

    entry_point: ClassVar[str] = "services.learner.algorithms.ppo.ppo:PPO"

    hidden_size: int = pydantic.Field(default=64, ge=1, le=8192)
    """Units of each of the two hidden layers over vectors; Schulman et al. 2017, section 6.1."""
    initial_log_std: float = pydantic.Field(default=0.0, ge=-20, le=2)
    """Log of the initial standard deviation of actions, whose range is ±1; from our measurements."""
    discount: float = pydantic.Field(default=0.99, ge=0, lt=1)
    """Gamma, per step; Schulman et al. 2017, table 3."""
    trace_decay: float = pydantic.Field(default=0.95, ge=0, le=1)
    """Lambda of GAE; Schulman et al. 2017, table 3."""
    learning_rate: float = pydantic.Field(default=6e-4, gt=0, le=1)
    """Adam's step size; 3e-4 in Schulman et al. 2017, table 3. In our measurements, with twice that and rollouts of
    64 steps, the hopper leaves the floor after 0.15 M steps instead of 0.3 M."""
    num_epochs: int = pydantic.Field(default=6, ge=1, le=1000)
    """Passes over a rollout; 10 in the paper, fewer here because a rollout is one policy version old."""
    minibatch_size: int = pydantic.Field(default=1024, ge=1, le=16_777_216)
    """Transitions per gradient step; 64 in the paper, more here because small minibatches leave the CPU idle."""
    clip_ratio: float = pydantic.Field(default=0.2, gt=0, le=10)
    """Epsilon of the clipped objective; Schulman et al. 2017, table 3."""
    entropy_coefficient: float = pydantic.Field(default=0.003, ge=0, le=100)
    """Weight of the entropy bonus, per nat; from our measurements."""
    value_coefficient: float = pydantic.Field(default=0.5, ge=0, le=100)
    """Weight of the squared value error. Over vectors the value function has its own parameters, so the weight hardly
    matters to Adam; over pictures both share a torso."""
    max_gradient_norm: float = pydantic.Field(default=0.5, gt=0, le=1e6)
    """Bound on the gradient's norm over policy and value together; Andrychowicz et al. 2021."""
    target_kl: float | None = pydantic.Field(default=None, gt=0, le=100)
    """Stops the passes once the policy has moved this far from where it started, nats; none: never stops."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where gradients are computed; auto: on a GPU if there is one and observations are pictures. A network over vectors
    is too small to keep a GPU busy."""
    precision: Precision = "float32"
    """What a network over pictures computes in: float32, or bfloat16, which is faster on processors and GPUs that have
    instructions for it and slower on others. Weights, losses and networks over vectors are always float32."""

    def check_for(self, spec: TaskSpec) -> None:
        """Check that there is a GPU if one is asked for by name.

        Raises:
            ConfigError: There is none.
        """
        if self.device == "cuda":
            self.choose_device(spec)

    def choose_device(self, spec: TaskSpec) -> str:
        """Return "cpu" or "cuda".

        Raises:
            ConfigError: A GPU is asked for by name and there is none.
        """
        import torch  # late: settings are also read by processes that don't learn

        has_gpu = torch.cuda.is_available()
        if self.device == "auto":
            return "cuda" if has_gpu and spec.is_image else "cpu"
        if self.device == "cuda" and not has_gpu:
            raise ConfigError("ppo.device", self.device, "auto or cpu where torch finds no GPU")
        return self.device
