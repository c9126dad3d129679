"""How well labelers answer, how much their answers count, and what was changed by whom."""

from __future__ import annotations

import math
from collections.abc import Sequence

from services.labeler.database import Database
from services.labeler.model import list_pages
from services.labeler.model.labelers import Labeler
from services.labeler.model.oversight import AuditEntry
from services.labeler.oversight import audit_repository, labeler_quality_repository
from services.labeler.oversight.quality_measures import Quality, assess
from somersault.domain.preference_log import MAX_REASON, MAX_WEIGHT, WeightChange
from somersault.domain.texts import check_text
from somersault.errors import InvalidInputError

__all__ = ["Oversight"]


class Oversight:
    """Serves owners."""

    def __init__(self, database: Database, *, log_grew: Notifier) -> None:
        """Takes the database and what to tell of new rows of the preference log."""
        self._database = database
        self._log_grew = log_grew

    async def quality(self, run_id: str, *, labeler_id: str | None) -> list[Quality]:
        """Gives how well each labeler of a run answers, or one of them.

        Raises:
            NotFoundError: the run is unknown.
        """
        numbers = await self._database.read(
            lambda connection: labeler_quality_repository.read_numbers(
                connection, run_id, labeler_id=labeler_id
            )
        )
        return [assess(each) for each in numbers]

    async def set_weight(
        self, by: Labeler, *, run_id: str, labeler_id: str, weight: float, reason: str
    ) -> WeightChange | None:
        """Makes a labeler's answers in a run count for more or less; gives its newest change, if it ever had one.

        Raises:
            InvalidInputError: the weight is not 0 to 10, or the reason no text of its length.
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

    async def audit_log(
        self, *, run_id: str, is_without_services: bool, page_size: int, page_token: str
    ) -> tuple[Sequence[AuditEntry], str]:
        """Return a page of what was changed, newest first, and the token of the next one.

        Raises:
            InvalidInputError: the size is out of bounds, or the token none of ours.
        """
        page_size, before = list_pages.size(page_size), list_pages.start(page_token)
        found = await self._database.read(
            lambda connection: audit_repository.list_newest(
                connection,
                run_id=run_id,
                is_without_services=is_without_services,
                before_number=before,
                page_size=page_size + 1,
            )
        )
        page = found[:page_size]
        return page, str(page[-1].number) if len(found) > page_size else ""
