"""How well a run's labelers answer and agree, and how much their answers count."""

from __future__ import annotations

import math

import sqlalchemy as sa

from services.labeler.database import Database
from services.labeler.feedback import tally_repository
from services.labeler.model.labelers import Labeler
from services.labeler.oversight import labeler_quality_repository
from services.labeler.oversight.agreement import Agreement
from services.labeler.oversight.quality_measures import QualityMeasures, assess
from services.labeler.runs import run_repository
from somersault.domain.preference_log import MAX_REASON, MAX_WEIGHT, WeightChange
from somersault.domain.texts import check_text
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier

__all__ = ["LabelerQuality"]


class LabelerQuality:
    """Measures how well labelers answer and agree, and sets how much their answers count."""

    def __init__(self, database: Database, *, log_grew: Notifier) -> None:
        """Take the database, and what to notify of new rows of the preference log."""
        self._database = database
        self._log_grew = log_grew

    async def measure(self, run_id: str, *, labeler_id: str | None) -> list[QualityMeasures]:
        """Return how well each labeler of a run answers, or only one of them.

        Raises:
            NotFoundError: the run is unknown.
        """
        counts = await self._database.read(
            lambda connection: labeler_quality_repository.read_counts(
                connection, run_id, labeler_id=labeler_id
            )
        )
        return [assess(each) for each in counts]

    async def agreement(self, run_id: str) -> Agreement:
        """Return how well a run's labelers agree.

        Raises:
            NotFoundError: the run is unknown.
        """

        def measure(connection: sa.Connection) -> Agreement:
            run_repository.read(connection, run_id)
            return tally_repository.agreement(connection, run_id)

        return await self._database.read(measure)

    async def set_weight(
        self, by: Labeler, *, run_id: str, labeler_id: str, weight: float, reason: str
    ) -> WeightChange | None:
        """Set how much a labeler's answers count in a run; return its newest weight change, if it has one.

        Raises:
            InvalidInputError: the weight is not 0 to 10, or the reason is too long or has control characters.
            NotFoundError: the run or the labeler is unknown.
        """
        if not (math.isfinite(weight) and 0 <= weight <= MAX_WEIGHT):
            raise InvalidInputError("weight", weight, f"0 to {MAX_WEIGHT:g}")
        check_text("reason", reason, most=MAX_REASON, has_lines=True)
        change = await self._database.write(
            lambda connection: labeler_quality_repository.set_weight(
                connection, by, run_id=run_id, labeler_id=labeler_id, weight=weight, reason=reason
            )
        )
        self._log_grew.notify()
        return change
