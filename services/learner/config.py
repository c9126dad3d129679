"""The learner's settings."""

from __future__ import annotations

from typing import ClassVar, Literal

import pydantic
from pydantic_settings import SettingsConfigDict

from services.learner.algorithms.algorithm import AlgorithmConfig
from services.learner.algorithms.table import with_algorithms
from somersault.domain.bounds import MAX_ENVIRONMENTS, MAX_SECONDS, MAX_SEED, MAX_STEPS, MAX_THREADS
from somersault.domain.roles import Identity
from somersault.domain.task_spec import TaskSpec
from somersault.domain.texts import IDENTITY_PATTERN
from somersault.runtime.setting_checks import Address, Name, NonEmpty
from somersault.runtime.storage_settings import StorageConfig

__all__ = ["LearnerConfig"]


@with_algorithms()
class LearnerConfig(StorageConfig):
    """Owns the policy: takes rollouts from simulators, improves the policy on predicted rewards, keeps checkpoints."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_LEARNER_")
    identity: ClassVar[Identity | None] = Identity.LEARNER

    task: NonEmpty
    """What is to be learned; `somersault tasks` lists them."""

    run_id: Name
    """The run; first component of every key in object storage."""

    run_identity: str = pydantic.Field(default="", pattern=IDENTITY_PATTERN)
    """32 hexadecimal digits, drawn when the run began: a store that holds another run of the same name, or nothing of this one,
    is refused. Empty: not compared."""

    reward_address: Address = "127.0.0.1:7003"
    """Where the reward service is, host:port."""

    total_env_steps: int = pydantic.Field(default=1_500_000, ge=1, le=MAX_STEPS)
    """Environment steps after which the learner finishes."""

    seed: int = pydantic.Field(default=0, ge=0, le=MAX_SEED)
    """Seeds the networks, the order of minibatches and, through their welcome, the simulators."""

    pacing: Literal["lockstep", "free"] = "free"
    """lockstep: waits for every label due at its step; one simulator gathers while the others stand by. free: a lost
    reward service never stalls learning."""

    is_reference: bool = False
    """Trains on the true reward as a reference: serves only CollectReference and dials no reward service."""

    rollout_steps: int = pydantic.Field(default=64, ge=1, le=4096)
    """Steps of each environment in a rollout: T; from our measurements."""

    max_policy_lag: int = pydantic.Field(default=8, ge=1, le=1_000_000)
    """Rollouts gathered more than this many policy versions ago are dropped and counted."""

    max_batch_rollouts: int = pydantic.Field(default=64, ge=1, le=4096)
    """The most rollouts, each from another simulator, that one improvement learns from; in lockstep always one."""

    max_simulators: int = pydantic.Field(default=1024, ge=1, le=65_536)
    """Simulators that may be connected at once."""

    max_environments: int = pydantic.Field(default=MAX_ENVIRONMENTS, ge=1, le=MAX_ENVIRONMENTS)
    """Environments a simulator may have."""

    checkpoint_s: float = pydantic.Field(default=60.0, gt=0, le=MAX_SECONDS)
    """Seconds between checkpoints: the most learning that a crash can lose."""

    num_threads: int = pydantic.Field(default=1, ge=1, le=MAX_THREADS)
    """Threads of one gradient step; more than one pays only for networks larger than 2 x 64."""

    algorithm: str = "ppo"
    """Which algorithm improves the policy; its settings are those under its name."""

    @property
    def algorithm_config(self) -> AlgorithmConfig:
        """The settings of the algorithm chosen."""
        config: AlgorithmConfig = getattr(self, self.algorithm)
        return config

    def check_for(self, spec: TaskSpec) -> None:
        """Check that the algorithm's settings suit the task and this machine.

        Raises:
            ConfigError: They don't.
        """
        self.algorithm_config.check_for(spec)
