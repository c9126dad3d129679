"""A custom teacher, which answers instead of a person.

somersault train hopper-backflip --teacher examples/custom_teacher.py:by_the_worst_step

This one is a cautious judge: it looks at the worst step of each segment, calls them equal when both are
about as bad, and is inattentive now and then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INATTENTION = 0.05
"""How often it answers without looking."""


def by_the_worst_step(
    left_true_rewards: NDArray[np.float32], right_true_rewards: NDArray[np.float32], rng: np.random.Generator
) -> str:
    """Prefer the segment whose lowest reward is higher.

    Args:
        left_true_rewards: ``[T]``, the true reward of each step of one segment.
        right_true_rewards: ``[T]``, those of the other segment.
        rng: Seeded by the run's seed and the two segments. Use no other randomness, so that the run can be repeated.

    Returns:
        "left", "right", "equal" or "incomparable".
    """
    if rng.random() < INATTENTION:
        return str(rng.choice(["left", "right"]))
    difference = float(left_true_rewards.min() - right_true_rewards.min())
    spread = float(np.concatenate([left_true_rewards, right_true_rewards]).std())
    if abs(difference) <= 0.1 * spread:
        return "equal"
    return "left" if difference > 0 else "right"
