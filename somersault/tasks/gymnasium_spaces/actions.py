"""Reads an action space of Gymnasium: which kind of action a policy takes, and how it becomes an action of the space.

Gymnasium is imported only when a space is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.tasks.gymnasium_spaces.texts import counted, listed, space_name, unusable

__all__ = ["ActionReading", "action_bounds", "read_actions"]

_MAX_WIDTH = 4096  # logits or components: with more, a policy for pictures wouldn't fit into 16 MiB
_LARGEST_BOUND = (
    1e9  # spaces without a bound give the largest number of their type; no actuator goes this far
)
_WRAP = "wrap the environment in a gymnasium.ActionWrapper whose action_space is one of these"
_KINDS = (
    f"Discrete, MultiDiscrete, MultiBinary or Box with 1 to {_MAX_WIDTH} numbers or choices in all; {_WRAP}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionReading:
    """A policy's action for a space: exactly one of the first three is given, as in `TaskSpec`."""

    action_dim: int = 0
    num_actions: int = 0
    choice_sizes: tuple[int, ...] = ()
    text: str
    """What the policy does and how it is turned into an action of the space, in words."""
    note: str | None = None
    """What the user must be told before a run: a bound was chosen for the space."""


def read_actions(space: Any, *, limit: float) -> ActionReading:
    """Return how a policy acts in a space.

    Args:
        space: of `gymnasium.spaces`.
        limit: see `action_bounds`.

    Raises:
        InvalidInputError: the space isn't supported.
    """
    from gymnasium import spaces

    if isinstance(space, spaces.Discrete):
        _check_width(space, int(space.n))
        first = "" if space.start == 0 else f", counted from {space.start} in the environment"
        return ActionReading(num_actions=int(space.n), text=f"one of {space.n}{first}")
    if isinstance(space, spaces.MultiDiscrete):
        sizes = space.nvec.ravel().tolist()
        return _read_choices(space, sizes, of_each=f", of {listed(sizes)} each", noun="choice")
    if isinstance(space, spaces.MultiBinary):
        return _read_choices(space, [2] * int(np.prod(space.shape)), of_each="", noun="bit")
    if isinstance(space, spaces.Box):
        return _read_box(space, limit)
    raise unusable("action space", space, _KINDS)


def action_bounds(space: Any, *, limit: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what -1 and 1 stand for in each component of a Box: low and high, each of its shape.

    Args:
        space: a `gymnasium.spaces.Box`.
        limit: takes the place of a missing bound: a component without bounds extends from -limit to limit, one with a
            single bound 2 limit from that bound.
    """
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    has_low, has_high = low >= -_LARGEST_BOUND, high <= _LARGEST_BOUND
    from_low = np.where(has_low, low, np.where(has_high, high - 2 * limit, -limit))
    return from_low, np.where(has_high, high, np.where(has_low, low + 2 * limit, limit))


def _read_choices(space: Any, sizes: Sequence[int], *, of_each: str, noun: str) -> ActionReading:
    _check_width(space, sum(sizes))
    made = counted(len(sizes), noun)
    return ActionReading(choice_sizes=tuple(sizes), text=f"{made} at once, each drawn by itself{of_each}")


def _read_box(space: Any, limit: float) -> ActionReading:
    length = int(np.prod(space.shape))
    _check_width(space, length)
    low, high = action_bounds(space, limit=limit)
    edges = np.array(
        [space.low, space.high], np.float64
    )  # the smallest integer of a type has no absolute value
    is_given = bool((np.abs(edges) <= _LARGEST_BOUND).all())
    note = None
    if not is_given:
        note = (
            f"the action space {space_name(space)} has no bounds, or not all; actions are kept within {listed(low)} to "
            f"{listed(high)}. For another range give it bounds, or say action_limit in a task of your own (docs/tasks.md)"
        )
    whole = "" if np.issubdtype(space.dtype, np.floating) else ", rounded to whole numbers"
    shaped = "" if len(space.shape) == 1 else f", of shape {space.shape} there"
    chosen = "" if is_given else " (chosen where it has no bound)"
    text = (
        f"{counted(length, 'number')}, clipped to -1 to 1 and spread evenly over {listed(low)} to {listed(high)}{chosen} "
        f"in the environment{whole}{shaped}"
    )
    return ActionReading(action_dim=length, text=text, note=note)


def _check_width(space: Any, width: int) -> None:
    if not 1 <= width <= _MAX_WIDTH:
        raise unusable("action space", space, _KINDS)
