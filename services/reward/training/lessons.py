"""Lessons: a batch of answers is learned, a checkpoint kept, a reward version published and measured."""

from __future__ import annotations

from collections.abc import Sequence

import prometheus_client
import structlog

from services.reward.feedback.preference_log import LogRow
from services.reward.published import Settled, tell
from services.reward.training.checkpoints import Keeper
from services.reward.training.retry import patiently
from services.reward.training.reward_learner import RewardVersion, Student
from somersault.rpc import Latest

__all__ = ["Lessons"]

_log = structlog.get_logger()

_VERSION = prometheus_client.Gauge("somersault_reward_version", "Newest reward version")
_NUM_COMPARISONS = prometheus_client.Gauge(
    "somersault_reward_num_comparisons", "Comparisons the newest version learned from"
)
_AGREEMENT = prometheus_client.Gauge(
    "somersault_reward_preference_accuracy",
    "How often the ensemble foretold the newest 100 answers of left or right before training on them",
)
_LOSS = prometheus_client.Gauge(
    "somersault_reward_training_loss", "Mean cross-entropy of the last round, nats"
)
_ROUND_S = prometheus_client.Histogram(
    "somersault_reward_round_seconds", "Time to learn one batch of answers"
)


class Lessons:
    """Has the student learn and tells what it learned. Used from one event loop; training runs in a thread beside it."""

    def __init__(self, student: Student, keeper: Keeper) -> None:
        """Takes who learns and where checkpoints go."""
        self._student = student
        self._keeper = keeper
        self.settled: Latest[Settled] = Latest(Settled(version=student.published))

    @property
    def cursor(self) -> int:
        """The preference log is learned up to here."""
        return self._student.published.cursor

    async def restore(self) -> None:
        """Takes over the newest checkpoint, if there is one.

        Raises:
            SomersaultError: it can't be trusted, or the store is away.
        """
        kept = await patiently(self._keeper.restore)
        if kept is not None:
            await patiently(lambda: self._student.restore(kept))

    def know_log_until(self, newest: int) -> None:
        """Learn on from the end of a log that is shorter than the one the checkpoint was made beside.

        Another database was taken over: its next rows have numbers that the checkpoint would hold for learned.
        """
        if newest < self.cursor:
            _log.warning("preference_log_is_shorter", learned=self.cursor, newest=newest)
            self._student.forget_cursor_after(newest)

    async def remember(self, row: LogRow) -> None:
        """Has the student know a row of the log that it learned before it was restored."""
        await patiently(lambda: self._student.remember(row))

    def publish(self) -> None:
        """Tells those who watch of the version the student has."""
        tell(self.settled, version=self._student.published)

    async def learn(self, rows: Sequence[LogRow]) -> None:
        """Trains one round on new rows of the log, keeps a checkpoint, and publishes."""
        with _ROUND_S.time():
            version = await patiently(lambda: self._student.learn(rows))
        await patiently(lambda: self._keeper.keep(self._student.checkpoint()))
        self.publish()
        self._measure(version)

    def _measure(self, version: RewardVersion) -> None:
        agreement, loss = self._student.agreement, self._student.training_loss
        _VERSION.set(version.version)
        _NUM_COMPARISONS.set(version.num_comparisons)
        _AGREEMENT.set(float("nan") if agreement is None else agreement)
        _LOSS.set(loss)
        _log.info(
            "reward_version_published",
            reward_version=version.version,
            num_comparisons=version.num_comparisons,
            agreement=agreement,
            training_loss=loss,
        )
