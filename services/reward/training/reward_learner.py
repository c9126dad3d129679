"""Learns from answers and makes reward versions: ensemble, trainer, comparisons and the honest figure, together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import prometheus_client
import structlog

from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.labeler_weights import LabelerWeights
from services.reward.feedback.preference_log import Answer, ComparedSegments, LogRow, WeightChange, mu_of
from services.reward.monitoring.preference_accuracy import AgreementMonitor
from services.reward.training.trainer import Trainer
from somersault.errors import CorruptDataError, NotFoundError
from somersault.formats.checkpoint import Checkpoint
from somersault.reward_model import RewardEnsemble

__all__ = ["RewardVersion", "Student"]

_log = structlog.get_logger()

_NUM_LOST = prometheus_client.Gauge(
    "somersault_reward_num_lost_comparisons", "Answers whose segments are gone or damaged for good"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardVersion:
    """One published state of the ensemble, never changed again."""

    version: int
    ensemble: RewardEnsemble
    weights: bytes
    num_comparisons: int
    """That it learned from, those since forgotten included; not those left out."""
    cursor: int
    """It learned from the preference log up to here and no further."""


class Student:
    """Owns the reward model. Blocking and single-threaded: call it from one thread at a time."""

    def __init__(
        self,
        *,
        trainer: Trainer,
        comparisons: Comparisons,
        load: Callable[[Answer], ComparedSegments],
    ) -> None:
        """Takes its parts and how to read an answer's segments."""
        self._trainer = trainer
        self._comparisons = comparisons
        self._load = load
        self._monitor = AgreementMonitor()
        self._weights = LabelerWeights(comparisons)
        self._sequences: dict[str, int] = {}
        """answer_id to the comparison it made."""
        self._lost: set[str] = set()
        """answer_ids of those whose segments are lost."""
        self.training_loss = float("nan")
        self.published = self._publish(version=0, cursor=0)

    @property
    def agreement(self) -> float | None:
        """How often the ensemble foretold the newest answers before it trained on them."""
        return self._monitor.agreement

    @property
    def num_agreement(self) -> int:
        """How many answers that is over."""
        return self._monitor.num_tested

    @property
    def num_lost(self) -> int:
        """Answers that can't be learned from because their segments are lost for good."""
        return len(self._lost)

    def learn(self, rows: Sequence[LogRow]) -> RewardVersion:
        """Test the ensemble on new answers of the run's own, then train on all of them, and publish.

        If labelers' weights changed under comparisons that were learned before, everything is learned afresh.

        Raises:
            UnavailableError: segments can't be read right now; nothing was changed.
        """
        answers = [row for row in rows if isinstance(row, Answer)]
        loaded = [(answer, self._load_or_lose(answer)) for answer in answers]
        changes = [row for row in rows if isinstance(row, WeightChange)]
        is_afresh = self._weights.apply(changes)
        for answer, compared in loaded:
            self._test(answer, compared)
        for answer, compared in loaded:
            self._remember(answer, compared)
        version = self.published.version
        if len(self._comparisons):
            self.training_loss = self._trainer.train_round(self._comparisons, is_afresh=is_afresh).loss
            version += 1
        cursor = max((row.cursor for row in rows), default=0)
        self.published = self._publish(version=version, cursor=max(cursor, self.published.cursor))
        return self.published

    def remember(self, row: LogRow) -> None:
        """Adds an answer to the comparisons, or changes those that the row is about, without training.

        Raises:
            UnavailableError: segments can't be read right now; nothing was changed.
        """
        if isinstance(row, WeightChange):
            self._weights.apply([row])
        else:
            self._remember(row, self._load_or_lose(row))

    def checkpoint(self) -> Checkpoint:
        """Gives everything that `restore` needs besides the preference log."""
        arrays = dict(self._trainer.state_dict())
        arrays["agreement"] = self._monitor.outcomes()
        facts = {
            "reward_version": self.published.version,
            "cursor": self.published.cursor,
            "training_loss": self.training_loss if math.isfinite(self.training_loss) else None,
        }
        return Checkpoint(arrays=arrays, facts=facts)

    def restore(self, kept: Checkpoint) -> None:
        """Takes over a checkpoint; the caller then has it `remember` the log up to its cursor.

        Raises:
            CorruptDataError: it is of another ensemble, or lacks something.
        """
        arrays = dict(kept.arrays)
        try:
            self._monitor.restore(arrays.pop("agreement"))
            version, cursor = int(kept.facts["reward_version"]), int(kept.facts["cursor"])
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptDataError(f"reward checkpoint lacks {error}") from error
        self._trainer.load_state_dict(arrays)
        loss = kept.facts.get("training_loss")
        self.training_loss = float("nan") if loss is None else float(loss)
        self.published = self._publish(version=version, cursor=cursor)

    def forget_cursor_after(self, newest: int) -> None:
        """Take the log for known up to ``newest`` at most; what was learned stays."""
        cursor = min(self.published.cursor, newest)
        self.published = dataclasses.replace(self.published, cursor=cursor)

    def _load_or_lose(self, answer: Answer) -> ComparedSegments | None:
        """Reads an answer's segments; none if it is not to be trained on, or they are lost for good."""
        if answer.is_extra:
            return None
        try:
            return self._load(answer)
        except (CorruptDataError, NotFoundError) as error:
            self._lost.add(answer.answer_id)
            _NUM_LOST.set(self.num_lost)
            _log.error("comparison_lost", query_id=answer.query_id, detail=str(error))
            return None

    def _remember(self, answer: Answer, compared: ComparedSegments | None) -> None:
        mu = mu_of(answer)
        if compared is None:
            return
        if answer.answer_id in self._sequences:
            self._comparisons.revise(self._sequences[answer.answer_id], mu=mu)
        elif mu is not None:
            self._sequences[answer.answer_id] = self._comparisons.num_added
            weight = self._weights.note(answer.labeler_id)
            self._comparisons.add(compared.observations, compared.actions, mu=mu, weight=weight)

    def _test(self, answer: Answer, compared: ComparedSegments | None) -> None:
        mu = mu_of(answer)
        is_test = answer.version == 1 and not answer.is_given and self._weights.of(answer.labeler_id)
        if mu is None or compared is None or not is_test:
            return
        predictions = self._trainer.ensemble.predict_steps(compared.observations, compared.actions, axis=1)
        returns = predictions.sum(axis=-1)
        self._monitor.record(returns[:, 0], returns[:, 1], mu=mu)

    def _publish(self, *, version: int, cursor: int) -> RewardVersion:
        weights = self._trainer.ensemble.to_bytes()
        return RewardVersion(
            version=version,
            ensemble=RewardEnsemble.from_bytes(weights),
            weights=weights,
            num_comparisons=self._comparisons.num_added - self._comparisons.num_left_out,
            cursor=cursor,
        )
