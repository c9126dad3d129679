"""How much each labeler's answers count, and which comparisons came from whom."""

from __future__ import annotations

from collections.abc import Sequence

from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.preference_log import WeightChange

__all__ = ["LabelerWeights"]

_USUAL = 1.0


class LabelerWeights:
    """Gives every comparison the weight of its labeler: the newest weight holds for all of a labeler's answers."""

    def __init__(self, comparisons: Comparisons) -> None:
        """Keep the weights of ``comparisons``, to which nothing has been added yet."""
        self._comparisons = comparisons
        self._weights: dict[str, float] = {}
        self._sequences: dict[str, list[int]] = {}

    def of(self, labeler_id: str) -> float:
        """Return how much a labeler's answers count."""
        return self._weights.get(labeler_id, _USUAL)

    def note(self, labeler_id: str) -> float:
        """Record that the next comparison to be added is a labeler's, and return its weight."""
        self._sequences.setdefault(labeler_id, []).append(self._comparisons.num_added)
        return self.of(labeler_id)

    def apply(self, changes: Sequence[WeightChange]) -> bool:
        """Apply changes in the order of the log, and return whether a comparison that is held now counts differently."""
        before = dict(self._weights)
        for change in sorted(changes, key=lambda change: change.cursor):
            self._weights[change.labeler_id] = change.weight
        changed = [name for name, weight in self._weights.items() if weight != before.get(name, _USUAL)]
        return sum(self._reweigh(labeler_id) for labeler_id in changed) > 0

    def _reweigh(self, labeler_id: str) -> int:
        """Return how many of a labeler's comparisons now count differently."""
        weight = self._weights[labeler_id]
        sequences = self._sequences.get(labeler_id, [])
        return sum(self._comparisons.reweigh(each, weight=weight) for each in sequences)
