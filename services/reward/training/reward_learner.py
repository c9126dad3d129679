"""Learns the reward model from answers: each batch is a test first, then a round of training, a checkpoint and a version."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import prometheus_client
import structlog

from services.reward.feedback.compared_segments import ComparedSegments
from services.reward.feedback.preference_log import Answer, LogPosition, LogRow, WeightChange, mu_of
from services.reward.feedback.training_set import TrainingSet
from services.reward.monitoring.preference_accuracy import PreferenceAccuracy
from services.reward.published import Published, RewardVersion
from services.reward.training.checkpoints import CheckpointStore
from services.reward.training.retry import retry_while_unavailable
from services.reward.training.trainer import Trainer
from somersault.domain.arrays import find_not_finite
from somersault.errors import CorruptDataError
from somersault.formats.checkpoint import Checkpoint
from somersault.reward_model import RewardEnsemble
from somersault.runtime.failpoints import failpoint
from somersault.runtime.telemetry import tell_owner

__all__ = ["RewardLearner"]

_log = structlog.get_logger()

_VERSION = prometheus_client.Gauge("somersault_reward_version", "Newest reward version")
_NUM_COMPARISONS = prometheus_client.Gauge(
    "somersault_reward_num_comparisons", "Comparisons the newest version learned from"
)
_PREFERENCE_ACCURACY = prometheus_client.Gauge(
    "somersault_reward_preference_accuracy",
    "How often the ensemble predicted the newest 100 answers of left or right before training on them",
)
_LOSS = prometheus_client.Gauge(
    "somersault_reward_training_loss", "Mean cross-entropy of the last round, nats"
)
_WENT_BACK = prometheus_client.Counter(
    "somersault_reward_log_went_back_total",
    "Times that the preference log was not any more the one that was learned, so that it was learned again",
)
_NUM_DROPPED = prometheus_client.Counter(
    "somersault_reward_dropped_rounds_total",
    "Rounds of training that were taken back because a number was no longer finite",
)
_ROUND_S = prometheus_client.Histogram(
    "somersault_reward_round_seconds", "Time to learn one batch of answers"
)

_LOADED_BYTES = 16 << 20
"""Segments that are held at a time between storage and the comparisons, however many answers are learned at once."""


class RewardLearner:
    """Owns the reward model and publishes its versions.

    Used from one event loop, one call at a time; training and storage run in a thread beside it.
    """

    def __init__(self, *, trainer: Trainer, training_set: TrainingSet, checkpoints: CheckpointStore) -> None:
        """Start with the trainer's ensemble as version 0; `restore` continues an earlier run."""
        self._trainer = trainer
        self._training_set = training_set
        self._checkpoints = checkpoints
        self._accuracy = PreferenceAccuracy()
        self.training_loss = math.nan
        """Mean loss of the last round, nats; NaN before the first."""
        self._position = LogPosition()
        self._newest: list[Answer] = []
        """Answers that no round of training has learned from yet."""
        self._must_forget = False
        self._horizon: int | None = -1
        """The horizon that was published when the restored checkpoint was made."""
        """Whether the ensemble has learned what the log doesn't hold any more."""
        self._version = self._export(number=0)
        self.published = Published(self._version)

    @property
    def preference_accuracy(self) -> float | None:
        """How often the ensemble predicted the newest answers before it trained on them; None before the first."""
        return self._accuracy.share_correct

    @property
    def num_accuracy_preferences(self) -> int:
        """How many answers that share is over."""
        return self._accuracy.num_tested

    @property
    def num_lost(self) -> int:
        """Answers that can't be learned from because their segments are lost for good."""
        return self._training_set.num_lost

    @property
    def position(self) -> LogPosition:
        """The preference log has been learned up to this row."""
        return self._position

    async def restore(self) -> None:
        """Load the newest checkpoint that is sound, if there is any; `restore_row` and `publish` must follow.

        Everything that a checkpoint holds can be learned again from the preference log. So if none can be trusted, that is
        done, and said.

        Raises:
            SomersaultError: the store will never let it be read.
        """
        try:
            await retry_while_unavailable(lambda: self._checkpoints.restore(self._load))
        except CorruptDataError as error:
            _log.error("checkpoints_lost", detail=str(error))
            tell_owner(f"{error}; the reward model is learned again from the preference log")
        if self._checkpoints.fall_back is not None:
            tell_owner(self._checkpoints.fall_back)

    async def restore_row(self, row: LogRow) -> None:
        """Restore what a row of the log that was learned before the checkpoint added to the training set."""
        await retry_while_unavailable(lambda: self._training_set.restore(row))

    def publish_restored(self) -> None:
        """Serve the version that was restored, and say how far the learner may go with it, as was said when it was stored."""
        self.published.update(version=self._version, horizon_env_steps=self._horizon)

    def publish(self) -> None:
        """Publish the version that the newest training or `restore` made."""
        self.published.update(version=self._version)

    async def relearn(self, newest: LogPosition) -> None:
        """Learn what was restored from scratch: the log, up to its newest row, isn't any more the one that was learned.

        What the log has lost is forgotten; where nothing at all is left to learn from, not before there is something.
        """
        _WENT_BACK.inc()
        _log.error(
            "preference_log_went_back",
            learned=self._position.cursor,
            newest=newest.cursor,
            detail="the labeler's database isn't the one that answers were learned from: was a backup restored? The"
            " reward model is learned again from what the log is now",
        )
        self._position, self._must_forget = newest, True
        await self._train(from_scratch=True)

    async def learn(self, rows: Sequence[LogRow]) -> RewardVersion:
        """Train one round on new rows of the log, store a checkpoint, and publish the new version.

        The ensemble is tested on new answers of the run's own before it trains on any of them. If weights of labelers
        changed under comparisons that were learned before, training starts from scratch.
        """
        with _ROUND_S.time():
            from_scratch = self._training_set.reweigh([row for row in rows if isinstance(row, WeightChange)])
            answers = iter([row for row in rows if isinstance(row, Answer)])
            while some := list(itertools.islice(answers, self._num_at_a_time)):
                await retry_while_unavailable(partial(self._take, some))
            self._position = max([self._position, *map(LogPosition.of, rows)], key=lambda each: each.cursor)
            await self._train(from_scratch=from_scratch)
        return self._version

    @property
    def _num_at_a_time(self) -> int:
        """How many answers' segments are held at a time."""
        return max(1, _LOADED_BYTES // (2 * self._training_set.comparisons.layout.segment_bytes))

    def _take(self, answers: Sequence[Answer]) -> None:
        """Test the ensemble on some new answers, and add them to what it learns from.

        Raises:
            UnavailableError: segments can't be read right now; nothing was changed.
        """
        loaded = [(answer, self._training_set.load(answer)) for answer in answers]
        for answer, compared in loaded:
            self._test(answer, compared)
            self._training_set.add(answer, compared)
        self._newest += answers

    async def _train(self, *, from_scratch: bool) -> None:
        """Train a round on the training set, store a checkpoint, and publish the new version."""
        if self._must_forget and not len(self._training_set.comparisons):
            return
        await asyncio.to_thread(self._train_round, from_scratch=from_scratch or self._must_forget)
        self._must_forget = False
        failpoint("reward.round.learned")
        await retry_while_unavailable(lambda: self._checkpoints.save(self._checkpoint()))
        failpoint("reward.checkpoint.stored")
        self.publish()
        failpoint("reward.version.published")
        self._measure()

    def _train_round(self, *, from_scratch: bool) -> None:
        number = self._version.number
        if len(self._training_set.comparisons):
            self._train_soundly(from_scratch=from_scratch)
            # A number that was ever stored keeps its meaning, even if what was stored can't be read any more.
            number = max(number, self._checkpoints.newest_version) + 1
        self._version = self._export(number=number)

    def _train_soundly(self, *, from_scratch: bool) -> None:
        """Train one round. One that ends in numbers that aren't finite is taken back, and repeated without the newest answers."""
        before = self._trainer.state_dict()
        newest, self._newest = self._newest, []
        if self._is_round_sound(from_scratch=from_scratch):
            return
        self._trainer.load_state_dict(before)
        self._training_set.leave_out(newest)
        if not self._is_round_sound(from_scratch=from_scratch):
            self._trainer.load_state_dict(before)
            tell_owner(
                "a round of training was taken back: the reward model stays as it was before the newest answers"
            )

    def _is_round_sound(self, *, from_scratch: bool) -> bool:
        """Train one round and return whether everything is finite after it."""
        done = self._trainer.train_round(self._training_set.comparisons, from_scratch=from_scratch)
        is_finite = math.isfinite(done.loss) or not done.num_gradient_steps
        problem = find_not_finite(self._trainer.state_dict()) if is_finite else "the loss"
        if problem is not None:
            _NUM_DROPPED.inc()
            _log.error("training_round_dropped", not_finite=problem)
            return False
        self.training_loss = done.loss
        return True

    def _test(self, answer: Answer, compared: ComparedSegments | None) -> None:
        mu = mu_of(answer)
        weight = self._training_set.weight_of(answer.labeler_id)
        is_test = answer.version == 1 and not answer.is_given and weight
        if mu is None or compared is None or not is_test:
            return
        predictions = self._trainer.ensemble.predict_steps(compared.observations, compared.actions, axis=1)
        returns = predictions.sum(axis=-1)
        self._accuracy.record(returns[:, 0], returns[:, 1], mu=mu)

    def _export(self, *, number: int) -> RewardVersion:
        weights = self._trainer.ensemble.to_bytes()
        return RewardVersion(
            number=number,
            ensemble=RewardEnsemble.from_bytes(weights),
            weights=weights,
            num_comparisons=self._training_set.num_comparisons,
            position=self._position,
        )

    def _checkpoint(self) -> Checkpoint:
        """Return everything that `restore` needs besides the preference log. The names are a stored format."""
        arrays = dict(self._trainer.state_dict())
        arrays["agreement"] = self._accuracy.outcomes()
        facts: dict[str, Any] = {
            "reward_version": self._version.number,
            "cursor": self._position.cursor,
            "commit_id": self._position.commit_id,
            "num_comparisons": self._version.num_comparisons,
            "training_loss": self.training_loss if math.isfinite(self.training_loss) else None,
            "horizon_env_steps": self.published.newest.horizon_env_steps,
        }
        if self._training_set.left_out:
            facts["left_out"] = sorted(self._training_set.left_out)
        return Checkpoint(arrays=arrays, facts=facts)

    def _load(self, saved: Checkpoint) -> None:
        """Go on from a checkpoint; one that doesn't fit changes nothing.

        Raises:
            CorruptDataError: it lacks something, or holds what can't be.
        """
        arrays = dict(saved.arrays)
        try:
            outcomes = [float(outcome) for outcome in arrays.pop("agreement")]
            number, cursor = int(saved.facts["reward_version"]), int(saved.facts["cursor"])
            commit_id = str(saved.facts.get("commit_id", ""))  # unknown to older programs
            loss = saved.facts.get("training_loss")
            training_loss = math.nan if loss is None else float(loss)
            left_out = set(map(str, saved.facts.get("left_out", ())))
            horizon = saved.facts.get("horizon_env_steps", -1)  # unknown to older programs
            horizon = None if horizon is None else int(horizon)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptDataError(f"reward checkpoint lacks {error}") from error
        if min(number, cursor) < 0:
            raise CorruptDataError(f"reward checkpoint: version {number} or cursor {cursor} is negative")
        self._trainer.load_state_dict(arrays)
        self._accuracy.restore(outcomes)
        self._training_set.left_out |= left_out
        self.training_loss, self._horizon = training_loss, horizon
        self._position = LogPosition(cursor=cursor, commit_id=commit_id)
        num_comparisons = int(saved.facts.get("num_comparisons", 0))
        self._version = replace(self._export(number=number), num_comparisons=num_comparisons)

    def _measure(self) -> None:
        accuracy, version = self.preference_accuracy, self._version
        _VERSION.set(version.number)
        _NUM_COMPARISONS.set(version.num_comparisons)
        _PREFERENCE_ACCURACY.set(math.nan if accuracy is None else accuracy)
        _LOSS.set(self.training_loss)
        _log.info(
            "reward_version_published",
            reward_version=version.number,
            num_comparisons=version.num_comparisons,
            preference_accuracy=accuracy,
            training_loss=self.training_loss,
        )
