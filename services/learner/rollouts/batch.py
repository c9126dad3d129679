"""Several simulators' rollouts joined into one, so that scoring and learning needn't know how many there were.

Shapes: T steps, N environments, M truncated transitions, ``*frame`` the axes of a frame (`somersault.domain.arrays`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import BoolArray
from somersault.domain.trajectory import Rollout

__all__ = ["Batch", "Collected", "Part", "join_rollouts", "make_batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A rollout and the simulator process that gathered it."""

    incarnation: str
    rollout: Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Names the rollout that some columns of a batch came from."""

    incarnation: str
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one improvement learns from: at most one rollout of each simulator."""

    parts: tuple[Part, ...]
    """The rollouts that were joined, from the left."""
    rollout: Rollout
    """All of them side by side; the rollout itself if there is one part."""


def make_batch(collected: Sequence[Collected]) -> Batch:
    """Return a batch of at least one rollout, all of T steps; copies them if there are several."""
    return Batch(
        parts=tuple(Part(incarnation=each.incarnation, sequence=each.rollout.sequence) for each in collected),
        rollout=join_rollouts([each.rollout for each in collected]),
    )


def join_rollouts(rollouts: Sequence[Rollout]) -> Rollout:
    """Return rollouts of T steps side by side, in the order given.

    The policy version is the oldest among them; learning doesn't need it, because each transition carries the
    log-probability under its own policy. The sequence is the first one's.
    """
    if len(rollouts) == 1:
        return rollouts[0]
    return Rollout(
        sequence=rollouts[0].sequence,
        policy_version=min(each.policy_version for each in rollouts),
        observations=np.concatenate([each.observations for each in rollouts], axis=1),
        actions=np.concatenate([each.actions for each in rollouts], axis=1),
        log_probs=np.concatenate([each.log_probs for each in rollouts], axis=1),
        is_truncated=np.concatenate([each.is_truncated for each in rollouts], axis=1),
        final_observations=np.concatenate([each.final_observations for each in rollouts])[
            _row_major_order(rollouts)
        ],
        next_observations=np.concatenate([each.next_observations for each in rollouts]),
        is_still=_join_still(rollouts),
    )


def _join_still(rollouts: Sequence[Rollout]) -> BoolArray | None:
    parts = [each.is_still for each in rollouts if each.is_still is not None]
    return np.concatenate(parts, axis=1) if parts else None


def _row_major_order(rollouts: Sequence[Rollout]) -> NDArray[np.intp]:
    """Return, for each truncated transition ``[M]`` of the joined mask, its index among the rollouts' own, end to end."""
    steps, columns, first = [], [], 0
    for rollout in rollouts:
        step, column = np.nonzero(rollout.is_truncated)
        steps.append(step)
        columns.append(column + first)
        first += rollout.is_truncated.shape[1]
    return np.lexsort((np.concatenate(columns), np.concatenate(steps)))
