"""When the reward model's preference accuracy is worth showing; the pages follow the same rule."""

from __future__ import annotations

__all__ = ["LEAST_ANSWERS", "telling_accuracy"]

LEAST_ANSWERS = 10
"""With fewer the share is mostly chance: nine right in a row are not 100 %."""


def telling_accuracy(accuracy: float | None, *, num_answers: int) -> float | None:
    """Return the accuracy, 0 to 1, if it covers enough answers of left or right; None otherwise."""
    return accuracy if num_answers >= LEAST_ANSWERS else None
