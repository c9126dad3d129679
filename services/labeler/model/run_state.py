"""A run's state and its result."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass

from somersault.domain.roles import Role

__all__ = ["RunResult", "RunState"]


class RunState(enum.StrEnum):
    """A run's state."""

    RUNNING = "running"
    PAUSED = "paused"
    """An owner's pause of a run that is not finished."""
    STOPPED = "stopped"
    FINISHED = "finished"

    @property
    def is_leasing(self) -> bool:
        """Whether the run's queries are leased."""
        return self in (RunState.RUNNING, RunState.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run's result."""

    env_steps: int
    num_labels: int
    headline: str
    true_return_mean: float | None
    finished_ms: int = 0
    """0 in a request; set by the database's clock."""

    def seen_by(self, role: Role) -> RunResult:
        """Return the result as a role may see it: services see no true return, nor the headline, which may contain it."""
        return dataclasses.replace(self, headline="", true_return_mean=None) if role is Role.SERVICE else self
