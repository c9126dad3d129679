"""What the trainer needs to know of a kind of feedback: the interface that each loss implements.

Shapes: ``B`` rows, ``K`` ensemble members, ``S`` segments shown in a row.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

__all__ = ["FeedbackLoss"]


class FeedbackLoss(Protocol):
    """Measures how badly predicted returns explain feedback. Both methods are pure functions of tensors."""

    def losses(self, returns: Tensor, targets: Tensor) -> Tensor:
        """Return what each row costs each member, with gradients.

        Args:
            returns: ``[K, B, S]`` float32, predicted reward summed over each segment of a row.
            targets: ``[B]`` float32, what the labeler said, as this kind of feedback encodes it.

        Returns:
            ``[K, B]`` float32.
        """
        ...

    def count_correct(self, returns: Tensor, targets: Tensor) -> tuple[float, float]:
        """Return how many rows the mean over members predicts correctly, and how many rows can be judged at all.

        Args:
            returns: ``[K, B, S]`` float32, as above.
            targets: ``[B]`` float32, as above.
        """
        ...
