"""A labeler's own answers, as it may review them."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from services.labeler.database import schema
from services.labeler.feedback import revision_repository
from services.labeler.model.answers import OwnAnswer
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import QueryState
from services.labeler.queries import query_repository
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference

__all__ = ["list_newest"]

_ANSWERS = schema.answers
_QUERIES = schema.queries


def list_newest(
    connection: sa.Connection, labeler: Labeler, run_id: str, *, before_number: int | None, page_size: int
) -> tuple[list[OwnAnswer], int | None]:
    """Return a page of a labeler's answers in a run, newest first, and where the next one begins.

    Gold looks like any other pair: whatever would give it away is the same for all.

    Raises:
        NotFoundError: the run is unknown.
    """
    run_repository.read_row(connection, run_id)
    page = _SELECT.where(_ANSWERS.c.labeler_id == labeler.labeler_id, _ANSWERS.c.run_id == run_id)
    if before_number is not None:
        page = page.where(_ANSWERS.c.number < before_number)
    rows = connection.execute(page.order_by(_ANSWERS.c.number.desc()).limit(page_size + 1)).all()
    more, rows = len(rows) > page_size, rows[:page_size]
    newest = revision_repository.newest(connection, labeler)
    found = [_answer(row, is_revisable=row.answer_row in newest) for row in rows]
    return found, rows[-1].answer_row if more else None


def _select() -> sa.Select[*tuple[Any, ...]]:
    return query_repository.SELECT.join(_ANSWERS, _ANSWERS.c.query_number == _QUERIES.c.number).add_columns(
        _ANSWERS.c.number.label("answer_row"),
        _ANSWERS.c.answer_id,
        _ANSWERS.c.newest_version,
        _ANSWERS.c.preference,
        _ANSWERS.c.answered_ms,
        _ANSWERS.c.guidelines_version.label("held_guidelines_version"),
    )


_SELECT = _select()


def _answer(row: schema.Row, *, is_revisable: bool) -> OwnAnswer:
    query = dataclasses.replace(
        query_repository.of_row(row),
        state=QueryState.ANSWERED,
        # gold is made when it is leased, long after its pair
        proposed_ms=0,
        guidelines_version=row.held_guidelines_version,
    )
    return OwnAnswer(
        query=query,
        answer_id=row.answer_id,
        version=row.newest_version,
        preference=Preference(row.preference),
        answered_ms=row.answered_ms,
        is_revisable=is_revisable,
    )
