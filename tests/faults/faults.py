"""What a campaign is made of: faults, trials that suffer them, and what came out."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Fault", "FaultClass", "Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is done."""

    kind: str
    """``kill``, ``stop``, ``crash``, ``clock`` or a mode of the proxy."""
    target: str
    """To whom: a service, a replica, a server, the edge to one, the command of a run, or whoever comes to a failpoint (``any``)."""
    after_s: float
    """Seconds after the one before."""
    for_s: float = 0.0
    """How long it lasts."""
    detail: str = ""
    """A failpoint, or what the clock is set to."""

    @property
    def text(self) -> str:
        """The fault in a line."""
        lasts = f" for {self.for_s:.1f} s" if self.for_s else ""
        return f"+{self.after_s:.2f} s {self.kind} {self.target}{' ' + self.detail if self.detail else ''}{lasts}"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a trial showed."""

    problems: list[str] = field(default_factory=list)
    """Broken promises."""
    num_kills: int = 0
    num_faults: int = 0
    num_answers: int = 0
    """Acknowledged."""
    ready_s: list[float] = field(default_factory=list)
    """How long each killed process took to serve again."""
    healed_s: list[float] = field(default_factory=list)
    """How long after a fault's end the next answer was acknowledged."""
    answer_s: list[float] = field(default_factory=list)
    """What answers took during the faults: the longest few."""
    lost_s: list[float] = field(default_factory=list)
    """Seconds of learning that were done again."""
    resumed_s: list[float] = field(default_factory=list)
    """How long a run whose command was killed took, from its new start until all its services served."""
    restarts: list[list[float | str]] = field(default_factory=list)
    """Of each killed service of a run: its name, and how long was waited, imported and recovered until it served."""
    reached: list[str] = field(default_factory=list)
    """Failpoints that were passed."""
    killed_at: list[str] = field(default_factory=list)
    """Failpoints at which a process was killed, as often as one was."""

    def as_row(self) -> dict[str, Any]:
        """Return the outcome as a line of the history."""
        return {
            "problems": self.problems,
            "kills": self.num_kills,
            "faults": self.num_faults,
            "answers": self.num_answers,
            **{
                name: [round(value, 3) for value in sorted(getattr(self, name))]
                for name in ("ready_s", "healed_s", "answer_s", "lost_s", "resumed_s")
            },
            "restarts": self.restarts,
            "reached": self.reached,
            "killed_at": self.killed_at,
        }


Plan = Callable[[random.Random], Sequence[Fault]]
Try = Callable[[Sequence[Fault], int, Path], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultClass:
    """One row of the table in docs/faults.md."""

    name: str
    what: str
    target: str
    """What must hold."""
    plan: Plan
    """Chooses the faults of a trial by its seed."""
    try_out: Try
    """Does them, with that seed, in that folder."""
    needs: Callable[[], str] = lambda: ""
    """Returns what this machine lacks; "" if nothing."""
