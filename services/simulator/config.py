"""The simulator's settings."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pydantic
from pydantic_settings import SettingsConfigDict

from somersault.domain.bounds import MAX_ENVIRONMENTS, MAX_SECONDS, MAX_THREADS
from somersault.domain.roles import Identity
from somersault.domain.texts import IDENTITY_PATTERN
from somersault.numerics.precision import Precision
from somersault.runtime.setting_checks import Address, Name, NonEmpty
from somersault.runtime.storage_settings import StorageConfig

__all__ = ["SimulatorConfig"]


class SimulatorConfig(StorageConfig):
    """Gathers rollouts for a learner, offers segments to a reward service, renders clips."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_SIMULATOR_")
    identity: ClassVar[Identity | None] = Identity.SIMULATOR

    task: NonEmpty
    """The task that is simulated; `somersault tasks` lists them."""

    run_id: str = ""
    """The run that it works for: it gathers for no other, and reads and writes no other's objects. Empty for any run, as
    for simulators that render for a labeler of many runs."""

    run_identity: str = pydantic.Field(default="", pattern=IDENTITY_PATTERN)
    """32 hexadecimal digits, drawn when the run began: a store that holds another run of the same name, or nothing of this one,
    is refused. Empty: not compared."""

    simulator_id: Name = "simulator-0"
    """Stable name of this simulator, a different one for each of a run: it is part of the seed of what it gathers."""

    learner_address: Address | None = "127.0.0.1:7002"
    """Where the learner is, host:port; none for a simulator that only renders and evaluates."""

    reward_address: Address | None = "127.0.0.1:7003"
    """Where the reward service is, host:port; none to offer no segments."""

    call_record_path: Path | None = None
    """File that shows which environment is being called, so that whoever starts the process knows of one that
    hangs or ends it; none for no such file."""

    is_reference: bool = False
    """Send the true rewards beside each rollout, for a learner of a reference run, and offer no segments."""

    num_environments: int = pydantic.Field(default=64, ge=1, le=MAX_ENVIRONMENTS)
    """Environments stepped side by side: N."""

    num_threads: int = pydantic.Field(default=1, ge=1, le=MAX_THREADS)
    """Threads that step the environments; what is gathered doesn't depend on it."""

    precision: Precision = "float32"
    """What a policy for pictures acts in while it gathers: float32, or bfloat16, which is faster on
    processors that have instructions for it and slower on others. Evaluations always use float32, because
    their returns are published."""

    is_staggered: bool = True
    """Whether episodes end evenly spread over time instead of all in the same step; in our measurements the policy
    then learns more evenly."""

    num_segments_per_episode: int = pydantic.Field(default=2, ge=1, le=1000)
    """Segments cut from each episode, if that many fit."""

    max_offered_segments: int = pydantic.Field(default=3000, ge=1, le=1_000_000)
    """Newest segments kept in case they are demanded: more than the reward service's pool, so that everything in it can
    be stored; 31 kB each for the hopper."""

    has_rendering: bool = True
    """Whether clips can be requested; if so, a machine that can't render any is refused at the start."""

    max_clips_per_worker: int = pydantic.Field(default=300, ge=1, le=1_000_000)
    """Clips after which the process that renders them is replaced."""

    max_waiting_clips: int = pydantic.Field(default=256, ge=1, le=100_000)
    """Clips that may wait to be rendered; more are refused."""

    clip_timeout_s: float = pydantic.Field(default=60, gt=0, le=MAX_SECONDS)
    """Seconds a clip may take before the process that renders it counts as stalled."""
