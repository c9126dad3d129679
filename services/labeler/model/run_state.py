"""Where a run is in its life, and what came of it."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass

from somersault.domain.roles import Role

__all__ = ["RunResult", "RunState"]


class RunState(enum.StrEnum):
    """Where a run is in its life."""

    RUNNING = "running"
    PAUSED = "paused"
    """An owner's pause of a run that is not finished."""
    STOPPED = "stopped"
    FINISHED = "finished"

    @property
    def is_leasing(self) -> bool:
        """Whether queries of the run are leased."""
        return self in (RunState.RUNNING, RunState.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What came of a run."""

    env_steps: int
    num_labels: int
    headline: str
    true_return_mean: float | None
    finished_ms: int = 0
    """0 in a request: the database's clock says when."""

    def seen_by(self, role: Role) -> RunResult:
        """Return the result as a role may know it: no service learns a true return, nor the headline, which may say it."""
        return dataclasses.replace(self, headline="", true_return_mean=None) if role is Role.SERVICE else self
