"""What the reward model learns from: rows of the preference log turned into comparisons, each with its labeler's weight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import prometheus_client
import structlog

from services.reward.feedback.compared_segments import ComparedSegments
from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.labeler_weights import LabelerWeights
from services.reward.feedback.preference_log import Answer, LogRow, WeightChange, mu_of
from somersault.errors import CorruptDataError, InvalidInputError, NotFoundError

__all__ = ["TrainingSet"]

_log = structlog.get_logger()

_NUM_LOST = prometheus_client.Gauge(
    "somersault_reward_num_lost_comparisons", "Answers whose segments are gone or damaged for good"
)


class TrainingSet:
    """Owns the comparisons and knows which answer made which of them. Blocking; one owner."""

    def __init__(self, comparisons: Comparisons, *, load: Callable[[Answer], ComparedSegments]) -> None:
        """Start empty.

        Args:
            comparisons: where comparisons are kept; none has been added yet.
            load: reads the segments of an answer.
        """
        self.comparisons = comparisons
        self._load = load
        self._weights = LabelerWeights(comparisons)
        self._sequences: dict[str, int] = {}
        """answer_id to the comparison it made."""
        self._lost: set[str] = set()
        """answer_ids of those whose segments are lost."""
        self.left_out: set[str] = set()
        """answer_ids of those that spoilt a round of training: they are never learned from again."""

    @property
    def num_comparisons(self) -> int:
        """Comparisons ever added, except those held that are left out."""
        return self.comparisons.num_added - self.comparisons.num_left_out

    @property
    def num_lost(self) -> int:
        """Answers that can't be learned from because their segments are lost for good, or spoilt a round of training."""
        return len(self._lost | self.left_out)

    def weight_of(self, labeler_id: str) -> float:
        """Return how much a labeler's answers count."""
        return self._weights.of(labeler_id)

    def reweigh(self, changes: Sequence[WeightChange]) -> bool:
        """Apply changes of weight, and return whether a comparison that is held now counts differently."""
        return self._weights.apply(changes)

    def load(self, answer: Answer) -> ComparedSegments | None:
        """Return an answer's segments, or None if it is not to be trained on or they are lost for good.

        Raises:
            UnavailableError: segments can't be read right now.
        """
        if answer.is_extra:
            return None
        try:
            return self._load(answer)
        except (
            CorruptDataError,
            InvalidInputError,
            NotFoundError,
        ) as error:  # the second: no key of any store
            self._lost.add(answer.answer_id)
            _NUM_LOST.set(self.num_lost)
            _log.error("comparison_lost", query_id=answer.query_id, detail=str(error))
            return None

    def add(self, answer: Answer, compared: ComparedSegments | None) -> None:
        """Add the comparison that an answer makes, or revise the one that its earlier version made."""
        mu = mu_of(answer)
        if compared is None or answer.answer_id in self.left_out:
            return
        if answer.answer_id in self._sequences:
            self.comparisons.revise(self._sequences[answer.answer_id], mu=mu)
        elif mu is not None:
            self._sequences[answer.answer_id] = self.comparisons.num_added
            weight = self._weights.note(answer.labeler_id)
            self.comparisons.add(compared.observations, compared.actions, mu=mu, weight=weight)

    def leave_out(self, answers: Sequence[Answer]) -> None:
        """Never learn from these answers again, because a round of training with them ended in numbers that aren't finite."""
        for answer in answers:
            self.left_out.add(answer.answer_id)
            if answer.answer_id in self._sequences:
                self.comparisons.revise(self._sequences[answer.answer_id], mu=None)
            _log.error("comparison_left_out", query_id=answer.query_id, answer_id=answer.answer_id)
        _NUM_LOST.set(self.num_lost)

    def restore(self, row: LogRow) -> None:
        """Apply a row of the log that was learned before a restart.

        Raises:
            UnavailableError: segments can't be read right now; nothing was changed.
        """
        if isinstance(row, WeightChange):
            self.reweigh([row])
        else:
            self.add(row, self.load(row))
