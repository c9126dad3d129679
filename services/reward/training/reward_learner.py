"""Learns the reward model from answers: each batch is a test first, then a round of training, a checkpoint and a version."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import prometheus_client
import structlog

from services.reward.feedback.compared_segments import ComparedSegments
from services.reward.feedback.preference_log import Answer, LogRow, WeightChange, mu_of
from services.reward.feedback.training_set import TrainingSet
from services.reward.monitoring.preference_accuracy import PreferenceAccuracy
from services.reward.published import Published, RewardVersion
from services.reward.training.checkpoints import CheckpointStore
from services.reward.training.retry import retry_while_unavailable
from services.reward.training.trainer import Trainer
from somersault.errors import CorruptDataError
from somersault.formats.checkpoint import Checkpoint
from somersault.reward_model import RewardEnsemble
from somersault.runtime.failpoints import failpoint

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
_ROUND_S = prometheus_client.Histogram(
    "somersault_reward_round_seconds", "Time to learn one batch of answers"
)


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
        self._version = self._export(number=0, cursor=0)
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
    def cursor(self) -> int:
        """The preference log has been learned up to this row."""
        return self._version.cursor

    async def restore(self) -> None:
        """Load the newest checkpoint, if there is one; `restore_row` and `publish` must follow.

        Raises:
            SomersaultError: it can't be trusted, or the store will never let it be read.
        """
        saved = await retry_while_unavailable(self._checkpoints.load_newest)
        if saved is not None:
            await retry_while_unavailable(lambda: self._load(saved))

    def limit_cursor(self, newest: int) -> None:
        """Continue from the end of a log that is shorter than the one the checkpoint was made with.

        The database has been replaced: its next rows have numbers that the checkpoint would take for learned.
        """
        if newest < self.cursor:
            _log.warning("preference_log_is_shorter", learned=self.cursor, newest=newest)
            self._version = replace(self._version, cursor=newest)

    async def restore_row(self, row: LogRow) -> None:
        """Restore what a row of the log that was learned before the checkpoint added to the training set."""
        await retry_while_unavailable(lambda: self._training_set.restore(row))

    def publish(self) -> None:
        """Publish the version that the newest training or `restore` made."""
        self.published.update(version=self._version)

    async def learn(self, rows: Sequence[LogRow]) -> RewardVersion:
        """Train one round on new rows of the log, store a checkpoint, and publish the new version."""
        with _ROUND_S.time():
            await retry_while_unavailable(lambda: self._learn(rows))
        failpoint("reward.round.learned")
        await retry_while_unavailable(lambda: self._checkpoints.save(self._checkpoint()))
        failpoint("reward.checkpoint.stored")
        self.publish()
        failpoint("reward.version.published")
        self._measure()
        return self._version

    def _learn(self, rows: Sequence[LogRow]) -> None:
        """Test the ensemble on new answers of the run's own, then train on all of them.

        If weights of labelers changed under comparisons that were learned before, training starts from scratch.

        Raises:
            UnavailableError: segments can't be read right now; nothing was changed.
        """
        answers = [row for row in rows if isinstance(row, Answer)]
        loaded = [(answer, self._training_set.load(answer)) for answer in answers]
        from_scratch = self._training_set.reweigh([row for row in rows if isinstance(row, WeightChange)])
        for answer, compared in loaded:
            self._test(answer, compared)
        for answer, compared in loaded:
            self._training_set.add(answer, compared)
        number = self._version.number
        comparisons = self._training_set.comparisons
        if len(comparisons):
            self.training_loss = self._trainer.train_round(comparisons, from_scratch=from_scratch).loss
            number += 1
        self._version = self._export(number=number, cursor=max([self.cursor, *(row.cursor for row in rows)]))

    def _test(self, answer: Answer, compared: ComparedSegments | None) -> None:
        mu = mu_of(answer)
        weight = self._training_set.weight_of(answer.labeler_id)
        is_test = answer.version == 1 and not answer.is_given and weight
        if mu is None or compared is None or not is_test:
            return
        predictions = self._trainer.ensemble.predict_steps(compared.observations, compared.actions, axis=1)
        returns = predictions.sum(axis=-1)
        self._accuracy.record(returns[:, 0], returns[:, 1], mu=mu)

    def _export(self, *, number: int, cursor: int) -> RewardVersion:
        weights = self._trainer.ensemble.to_bytes()
        return RewardVersion(
            number=number,
            ensemble=RewardEnsemble.from_bytes(weights),
            weights=weights,
            num_comparisons=self._training_set.num_comparisons,
            cursor=cursor,
        )

    def _checkpoint(self) -> Checkpoint:
        """Return everything that `restore` needs besides the preference log. The names are a stored format."""
        arrays = dict(self._trainer.state_dict())
        arrays["agreement"] = self._accuracy.outcomes()
        facts = {
            "reward_version": self._version.number,
            "cursor": self.cursor,
            "training_loss": self.training_loss if math.isfinite(self.training_loss) else None,
        }
        return Checkpoint(arrays=arrays, facts=facts)

    def _load(self, saved: Checkpoint) -> None:
        arrays = dict(saved.arrays)
        try:
            self._accuracy.restore(arrays.pop("agreement"))
            number, cursor = int(saved.facts["reward_version"]), int(saved.facts["cursor"])
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptDataError(f"reward checkpoint lacks {error}") from error
        self._trainer.load_state_dict(arrays)
        loss = saved.facts.get("training_loss")
        self.training_loss = math.nan if loss is None else float(loss)
        self._version = self._export(number=number, cursor=cursor)

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
