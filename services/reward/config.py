"""The reward service's settings."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import pydantic
from pydantic_settings import SettingsConfigDict

from services.reward.limits import Limits, fitting_capacity, scored_part
from services.reward.segments.layout import SegmentLayout
from services.reward.training.config import PictureTrainerConfig, TrainerConfig
from somersault.domain.bounds import MAX_LABELS, MAX_SEED, MAX_STEPS, MAX_THREADS
from somersault.domain.roles import Identity
from somersault.domain.task_spec import TaskSpec
from somersault.domain.texts import IDENTITY_PATTERN
from somersault.errors import ConfigError
from somersault.runtime.setting_checks import Address, Name, NonEmpty
from somersault.runtime.storage_settings import StorageConfig

__all__ = ["RewardConfig"]

_MAX_KEPT = 1_000_000  # segments, comparisons
_MAX_BYTES = 1 << 44  # 16 TiB: more than a machine has


class RewardConfig(StorageConfig):
    """Owns the reward model: chooses what to ask, learns from the answers, publishes reward versions."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_REWARD_")
    identity: ClassVar[Identity | None] = Identity.REWARD

    task: NonEmpty
    """The task to learn; `somersault tasks` lists them."""

    run_id: Name
    """The run; first component of every key in object storage."""

    run_identity: str = pydantic.Field(default="", pattern=IDENTITY_PATTERN)
    """32 hexadecimal digits, drawn when the run began: a store that holds another run of that name, or nothing of this run,
    is refused. Empty: not checked."""

    labeler_address: Address = "127.0.0.1:7004"
    """Address of the labeler service, host:port."""

    token: pydantic.SecretStr = pydantic.SecretStr("")
    """Bearer token of the role service at the labeler. Set it in the environment, not by a flag that others can list."""

    seed: int = pydantic.Field(default=0, ge=0, le=MAX_SEED)
    """Seeds the ensemble, its minibatches and the choice of queries."""

    pacing: Literal["lockstep", "free"] = "free"
    """lockstep: a step is settled once every label due at it is answered and learned; free: answers are learned as they come."""

    label_budget: int = pydantic.Field(default=60, ge=1, le=MAX_LABELS)
    """Labels that the whole run may use; our measurements: 60 teach the backflip."""

    num_given_labels: int = pydantic.Field(default=0, ge=0, le=MAX_LABELS)
    """Labels of the budget that the run began with, imported from elsewhere: the schedule asks only for the rest."""

    total_env_steps: int = pydantic.Field(default=1_500_000, ge=1, le=MAX_STEPS)
    """Environment steps of the whole run, over which the labels are spread."""

    initial_fraction: float = pydantic.Field(default=0.2, gt=0, le=1)
    """Share of the labels asked at once, on the random policy; our measurements. Christiano et al. 2017: 0.25."""

    labeling_fraction: float = pydantic.Field(default=2 / 3, gt=0, le=1)
    """Share of the run's steps by which all labels are due; our measurements: 1 M of 1.5 M steps."""

    max_label_lag: Annotated[int, pydantic.Field(ge=1, le=MAX_LABELS)] | Literal["auto"] | None = None
    """In free pacing, the learner waits while answers are this many behind the schedule, and takes no step at which all
    are due before all are answered, so that a person who pauses does not come back to a finished run. auto: a tenth of
    the budget, 1 to 10; none: it never waits once it has a first reward version."""

    num_ready_queries: int = pydantic.Field(default=8, ge=1, le=256)
    """In free pacing, how many unanswered queries are kept ready, and how many may be asked ahead of the schedule, so that
    people seldom wait for one."""

    wants_clips: Literal["all", "sample", "none"] = "all"
    """Which queries are rendered as clips: all, for people; a sample, for a run that teachers label; none."""

    num_candidate_pairs: int = pydantic.Field(default=50, ge=1, le=100_000)
    """Pairs considered for each query chosen; our measurements. Christiano et al. 2017: 10."""

    tournament_size: int = pydantic.Field(default=3, ge=1, le=100_000)
    """Each side of a candidate pair is the most promising of this many segments by predicted return; our measurements.
    1: any segment."""

    min_pool_segments: int = pydantic.Field(default=64, ge=2, le=_MAX_KEPT)
    """Nothing is asked before the pool holds this many segments, so that the first pairs differ."""

    max_simulators: int = pydantic.Field(default=1024, ge=1, le=65_536)
    """Simulators that may be connected at once."""

    pool_capacity: int = pydantic.Field(default=1000, ge=2, le=_MAX_KEPT)
    """Newest segments kept to choose queries from; our measurements."""

    max_pool_bytes: int = pydantic.Field(default=256 << 20, ge=1, le=_MAX_BYTES)
    """Memory of the pool in bytes, which may limit it to fewer segments; 1,000 of an Atari game need 199 MB. Offers
    waiting to be admitted may take as much again."""

    max_scored_pictures: int = pydantic.Field(default=512, ge=2, le=_MAX_KEPT)
    """If frames are pictures, observations scored to choose queries: every `picture_trainer.stride`-th step of each segment
    of a random part of the pool. Vectors are all scored."""

    comparisons_capacity: int = pydantic.Field(default=3000, ge=1, le=_MAX_KEPT)
    """Newest comparisons trained on; Christiano et al. 2017, appendix A.2."""

    max_comparisons_bytes: int = pydantic.Field(default=1 << 30, ge=1, le=_MAX_BYTES)
    """Memory of the comparisons in bytes, taken up as they come in, which may limit them to fewer; 3,000 of an Atari game
    need 1.2 GB, and 2,700 fit."""

    num_members: int = pydantic.Field(default=3, ge=1, le=100)
    """Members of the ensemble; Christiano et al. 2017: 3."""

    hidden_size: int = pydantic.Field(default=64, ge=1, le=8192)
    """Units of each of a member's two hidden layers, or of its dense layer if frames are pictures; Christiano et al.
    2017, appendices A.1 and A.2."""

    trainer: TrainerConfig = TrainerConfig()
    """How the ensemble is trained if frames are vectors."""

    picture_trainer: PictureTrainerConfig = PictureTrainerConfig()
    """How it is trained if frames are pictures; whatever is not described here is as in `trainer`."""

    num_threads: int = pydantic.Field(default=1, ge=1, le=MAX_THREADS)
    """Threads of one gradient step."""

    @pydantic.model_validator(mode="after")
    def _check_pool(self) -> Self:
        if self.min_pool_segments > self.pool_capacity:
            raise ValueError(
                f"min_pool_segments is {self.min_pool_segments}, must be at most pool_capacity, {self.pool_capacity}:"
                " otherwise nothing would ever be asked"
            )
        return self

    def check_for(self, spec: TaskSpec) -> None:
        """Check that enough of a task's segments fit into memory, and that every setting has an effect.

        Raises:
            ConfigError: they don't, or one has none.
        """
        self.limits_for(spec)

    def limits_for(self, spec: TaskSpec) -> Limits:
        """Return what the settings come to for a task.

        Raises:
            ConfigError: they don't fit the task; says which and why.
        """
        layout = SegmentLayout(spec)
        return Limits(
            pool_capacity=self._pool_capacity(layout),
            comparisons_capacity=fitting_capacity(
                self.comparisons_capacity,
                field="max_comparisons_bytes",
                max_bytes=self.max_comparisons_bytes,
                each_bytes=2 * layout.segment_bytes,
            ),
            trainer=self._trainer_for(layout),
            scored=scored_part(
                layout, stride=self.picture_trainer.stride, max_pictures=self.max_scored_pictures
            ),
        )

    def _pool_capacity(self, layout: SegmentLayout) -> int:
        each_bytes = layout.segment_bytes
        capacity = fitting_capacity(
            self.pool_capacity, field="max_pool_bytes", max_bytes=self.max_pool_bytes, each_bytes=each_bytes
        )
        if capacity < self.min_pool_segments:
            raise ConfigError(
                f"max_pool_bytes is {self.max_pool_bytes}, must be at least {self.min_pool_segments * each_bytes}:"
                f" min_pool_segments, {self.min_pool_segments}, of {each_bytes} bytes"
            )
        return capacity

    def _trainer_for(self, layout: SegmentLayout) -> TrainerConfig:
        if layout.is_image:
            _refuse_change("trainer", self.trainer, instead="picture_trainer")
            return self.picture_trainer
        _refuse_change("picture_trainer", self.picture_trainer, instead="trainer")
        return self.trainer


def _refuse_change(field: str, value: TrainerConfig, *, instead: str) -> None:
    if value != type(value)():
        raise ConfigError(f"{field} has no effect on task frames of this kind; set {instead} instead")
