"""Queries with clips, as owners browse them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.labeler.clips import clip_order
from services.labeler.clips.clip_order import Place
from services.labeler.database import schema
from services.labeler.model.answers import QueryAnswer
from services.labeler.model.clips import ClipChoice, ClippedQuery
from services.labeler.model.queries import Query
from services.labeler.queries import prediction_repository, query_repository
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference

__all__ = ["list_chosen"]

_ANSWERS = schema.answers
_LABELERS = schema.labelers
_LEASES = schema.leases
_SEGMENTS = schema.segments


def list_chosen(
    connection: sa.Connection, run_id: str, choice: ClipChoice, *, after: Place | None, page_size: int
) -> tuple[list[ClippedQuery], Place | None]:
    """Return a page of a run's queries whose clips are stored, and the place that the next one follows.

    Raises:
        NotFoundError: the run is unknown.
    """
    run_repository.read_row(connection, run_id)
    places = clip_order.choose(connection, run_id, choice, after=after, count=page_size + 1)
    more, places = len(places) > page_size, places[:page_size]
    numbers = [place.number for place in places]
    by_number = {query.number: query for query in query_repository.read(connection, numbers)}
    page = [by_number[number] for number in numbers]
    predicted, answers = prediction_repository.read(connection, numbers), _answers(connection, numbers)
    durations = _durations(connection, run_id, page)
    clipped = [
        ClippedQuery(
            query=query,
            predicted=predicted.get(query.number),
            answers=answers.get(query.number, []),
            left_duration_s=durations[query.left.segment_id],
            right_duration_s=durations[query.right.segment_id],
        )
        for query in page
    ]
    return clipped, places[-1] if more else None


def _answers(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, list[QueryAnswer]]:
    """Return each query's counted answers, oldest first, joined through leases, which are indexed by query."""
    rows = connection.execute(
        sa.select(_ANSWERS, _LABELERS.c.name)
        .join(_LEASES, _LEASES.c.number == _ANSWERS.c.lease_number)
        .join(_LABELERS, _LABELERS.c.labeler_id == _ANSWERS.c.labeler_id)
        .where(_LEASES.c.query_number.in_(numbers), _ANSWERS.c.is_extra.is_(False))
        .order_by(_ANSWERS.c.number)
    )
    by_query: dict[int, list[QueryAnswer]] = {}
    for row in rows:
        answer = QueryAnswer(
            labeler_id=row.labeler_id,
            name=row.name,
            preference=Preference(row.preference),
            answered_ms=row.answered_ms,
        )
        by_query.setdefault(row.query_number, []).append(answer)
    return by_query


def _durations(connection: sa.Connection, run_id: str, page: Sequence[Query]) -> dict[str, float]:
    """Return the duration in seconds of each segment shown."""
    shown = {side.segment_id for query in page for side in (query.left, query.right)}
    rows = connection.execute(
        sa.select(_SEGMENTS.c.segment_id, _SEGMENTS.c.duration_s).where(
            _SEGMENTS.c.run_id == run_id, _SEGMENTS.c.segment_id.in_(shown)
        )
    )
    return {row.segment_id: row.duration_s for row in rows}
