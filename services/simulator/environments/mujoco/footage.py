"""What MuJoCo steps are rendered from: the physics states before and after them.

Shapes: T steps, N environments, M truncated steps, S physics state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.simulator.environments.mujoco.model import state_dim_of
from somersault.domain.arrays import DoubleArray
from somersault.tasks import Task

__all__ = ["MujocoFootage", "footage_layout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MujocoFootage:
    """The states of one passage; a `Footage`."""

    states: DoubleArray
    """``[T + 1, N, S]`` float64, before each step and after the last; after the end of an episode, the next start."""
    final_states: DoubleArray
    """``[M, S]`` float64, after the last step of each ended episode."""
    endings: Mapping[tuple[int, int], int]
    """By step and environment of each ended episode, its index among the final states."""

    def part(self, row: int, begin: int, end: int) -> dict[str, NDArray[Any]]:
        """Return ``states [end - begin + 1, S]``; see `Footage`."""
        states = self.states[begin : end + 1, row].copy()
        ending = self.endings.get((end - 1, row))
        if ending is not None:
            states[-1] = self.final_states[ending]
        return {"states": states}

    def join(self, parts: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
        """Join parts; each but the first begins with the state with which the one before ended."""
        first, *rest = (part["states"] for part in parts)
        return {"states": np.concatenate([first, *(states[1:] for states in rest)])}


def footage_layout(task: Task, *, num_steps: int) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    """Return what is stored of a segment; see `services.simulator.environments.footage_layout`."""
    return {"states": ("F64", (num_steps + 1, state_dim_of(task)))}
