"""Learns from answers and makes reward versions: ensemble, trainer, comparisons and the honest figure, together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from services.reward.answers import Answer, ComparedSegments, mu_of
from services.reward.comparisons import Comparisons
from services.reward.monitor import AgreementMonitor
from services.reward.trainer import Trainer
from somersault.checkpoint import Checkpoint
from somersault.errors import CorruptDataError, NotFoundError
from somersault.reward_model import RewardEnsemble

__all__ = ["RewardVersion", "Student"]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardVersion:
    """One published state of the ensemble, never changed again."""

    version: int
    ensemble: RewardEnsemble
    weights: bytes
    num_comparisons: int
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
        self._sequences: dict[str, int] = {}
        """answer_id to the comparison it made."""
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
    def num_comparisons(self) -> int:
        """Comparisons learned from so far, those since forgotten included."""
        return self._comparisons.num_added

    def learn(self, answers: Sequence[Answer]) -> RewardVersion:
        """Tests the ensemble on new answers, then trains on all of them, and publishes.

        Raises:
            UnavailableError: segments can't be read right now; nothing was changed.
        """
        loaded = [(answer, self._load_or_lose(answer)) for answer in answers]
        for answer, compared in loaded:
            self._test(answer, compared)
        for answer, compared in loaded:
            self._remember(answer, compared)
        version = self.published.version
        if len(self._comparisons):
            self.training_loss = self._trainer.train_round(self._comparisons).loss
            version += 1
        cursor = max((answer.cursor for answer in answers), default=0)
        self.published = self._publish(version=version, cursor=max(cursor, self.published.cursor))
        return self.published

    def remember(self, answer: Answer) -> None:
        """Adds an answer to the comparisons, or changes the one it revises, without training.

        Raises:
            UnavailableError: segments can't be read right now; nothing was changed.
        """
        self._remember(answer, self._load_or_lose(answer))

    def checkpoint(self) -> Checkpoint:
        """Gives everything that `restore` needs besides the preference log."""
        arrays = dict(self._trainer.state_dict())
        arrays["agreement"] = self._monitor.outcomes()
        facts = {"reward_version": self.published.version, "cursor": self.published.cursor}
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
        self.published = self._publish(version=version, cursor=cursor)

    def _load_or_lose(self, answer: Answer) -> ComparedSegments | None:
        """Reads an answer's segments; none if it is not to be trained on, or they are lost for good."""
        if answer.is_extra:
            return None
        try:
            return self._load(answer)
        except (CorruptDataError, NotFoundError) as error:
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
            self._comparisons.add(compared.observations, compared.actions, mu=mu)

    def _test(self, answer: Answer, compared: ComparedSegments | None) -> None:
        mu = mu_of(answer)
        if mu is None or compared is None or answer.version > 1:
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
            num_comparisons=self._comparisons.num_added,
            cursor=cursor,
        )
