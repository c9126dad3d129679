"""Generalised advantage estimation. Shapes: ``T`` steps, ``N`` environments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def estimate_advantages(
    rewards: NDArray[np.float32],
    values: NDArray[np.float32],
    *,
    next_values: NDArray[np.float32],
    is_truncated: NDArray[np.bool_],
    discount: float,
    trace_decay: float,
) -> NDArray[np.float32]:
    """Estimate how much better each action was than the policy's average.

    Schulman et al. 2016 (arXiv 1506.02438), equation 16. Episodes are truncated, never
    terminated: the last step of one bootstraps from the observation it actually ended in (Pardo et
    al. 2018, arXiv 1712.00378), and no credit flows from one episode to the one before.

    Args:
        rewards: ``[T, N]`` float32.
        values: ``[T, N]`` float32, of the observation before each step.
        next_values: ``[T, N]`` float32, of the observation after each step, before any reset.
        is_truncated: ``[T, N]`` bool, True where the episode was truncated after the step.
        discount: gamma, in [0, 1].
        trace_decay: lambda, in [0, 1].

    Returns:
        ``[T, N]`` float32.
    """
    errors = rewards + discount * next_values - values
    carry = np.where(is_truncated, 0.0, discount * trace_decay).astype(np.float32)
    advantages = np.empty_like(errors)
    running = np.zeros_like(errors[0])
    for step in reversed(range(len(errors))):
        running = errors[step] + carry[step] * running
        advantages[step] = running
    return advantages


def successor_values(
    values: NDArray[np.float32],
    *,
    last_values: NDArray[np.float32],
    is_truncated: NDArray[np.bool_],
    final_values: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the value of the observation after each step, before any reset.

    Args:
        values: ``[T, N]`` float32, of the observation before each step.
        last_values: ``[N]`` float32, of the observations that follow the rollout.
        is_truncated: ``[T, N]`` bool, with ``M`` true.
        final_values: ``[M]`` float32, of the observations in which those episodes ended, in the
            order of ``np.nonzero(is_truncated)``.

    Returns:
        ``[T, N]`` float32.
    """
    next_values = np.concatenate([values[1:], last_values[None]])
    next_values[is_truncated] = final_values
    return next_values
