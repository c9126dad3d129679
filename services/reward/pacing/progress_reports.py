"""Whose word counts for how far the learner is, and how much of it can be true.

Labels come due with the learner's steps, so whoever says that the run is at its end has all labels asked about the first policy.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from services.reward.pacing.gathered_steps import GatheredSteps
from services.reward.pacing.learner_progress import LearnerProgress
from somersault.errors import FailedPreconditionError, InvalidInputError

__all__ = ["BelievedSteps", "ProgressReports", "Reporter"]

_log = structlog.get_logger()

_SILENT_S = 30.0
"""A learner that has said nothing for this long gives way to another: its connection may be lost without a sign."""

_BELIEF_S = 3600.0
"""What nothing shows to be true is believed at the rate of a whole run in this time, so that no run is held for good."""


class Reporter:
    """One stream that may report. `ProgressReports` keeps account of it."""

    def __init__(self, *, end: Callable[[], object]) -> None:
        """``end`` ends its stream."""
        self.end = end
        self.newest = 0
        self.before = 0
        """What it said before its newest advance: a step that was taken back is reported again, so it may fall back to that."""


class ProgressReports:
    """Lets one stream at a time say how far the learner is. Used from one event loop."""

    def __init__(
        self, note: Callable[[LearnerProgress], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Pass on to ``note`` what is believed of whom."""
        self._note = note
        self._clock = clock
        self._holder: Reporter | None = None
        self._heard_s = 0.0

    def report(self, reporter: Reporter, progress: LearnerProgress) -> None:
        """Take a report.

        Raises:
            FailedPreconditionError: another stream reports.
            InvalidInputError: it says less than before on the same stream; a learner that fell back has a new one.
        """
        self._admit(reporter)
        if progress.env_steps < reporter.before:
            bound = f"at least {reporter.before}, as this stream said before"
            raise InvalidInputError("env_steps", progress.env_steps, bound).again()
        if progress.env_steps > reporter.newest:
            reporter.before = reporter.newest
        reporter.newest = progress.env_steps
        self._note(progress)

    def leave(self, reporter: Reporter) -> None:
        """Record that a stream has ended."""
        if self._holder is reporter:
            self._holder = None

    def _admit(self, reporter: Reporter) -> None:
        now_s, holder = self._clock(), self._holder
        if holder is not None and holder is not reporter:
            silent_s = now_s - self._heard_s
            if silent_s < _SILENT_S:
                raise FailedPreconditionError(
                    f"another learner reports how far it is, last {silent_s:.0f} s ago: a run has one; after"
                    f" {_SILENT_S:.0f} s of silence it gives way"
                )
            _log.warning("learner_replaced", silent_s=silent_s)
            holder.end()
        self._holder, self._heard_s = reporter, now_s


class BelievedSteps:
    """Says at which step labels come due. Used from one event loop."""

    def __init__(
        self,
        gathered: GatheredSteps,
        *,
        total_env_steps: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Believe what ``gathered`` shows, of a run of ``total_env_steps``."""
        self._gathered = gathered
        self._steps_per_s = total_env_steps / _BELIEF_S
        self._clock = clock
        self._began_s = clock()
        self._is_trusting = False
        self._base = 0
        self._is_outrun = False

    def trust_next(self) -> None:
        """Believe the next report as it is: the run has gone on before, and nothing here shows how far."""
        self._is_trusting = True

    def note(self, env_steps: int) -> None:
        """Record how far the learner says it is."""
        if self._is_trusting and env_steps > 0:
            self._base, self._is_trusting = env_steps, False

    def of(self, env_steps: int) -> int:
        """Return as much of what the learner says as can be true."""
        gathered = self._gathered.most
        if gathered is None:
            return env_steps
        most = self._base + gathered + int((self._clock() - self._began_s) * self._steps_per_s)
        if (env_steps > most) != self._is_outrun:
            self._is_outrun = env_steps > most
            _log.warning("progress_outruns_rollouts", is_outrun=self._is_outrun, said=env_steps, most=most)
        return min(env_steps, most)
