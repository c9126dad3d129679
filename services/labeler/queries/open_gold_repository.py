"""Gold that a labeler was given and has neither answered nor skipped: it comes back, as any other pair does.

Otherwise returning a pair, or letting its lease end, would make gold disappear, and so give it away.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.database.steps import Step, run
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Query, QueryState
from services.labeler.queries import query_repository

__all__ = ["bring_back", "has_open", "is_counted"]

_NUM_LOOKED_AT = 200  # the newest of the labeler's leases that ended without an answer

_QUERIES = schema.queries
_LEASES = schema.leases
_ANSWERS = schema.answers


def bring_back(
    connection: sa.Connection, labeler: Labeler, chosen: Sequence[Query]
) -> tuple[list[Query], list[Query]]:
    """Merge a labeler's open gold into the queries chosen for it, in the order in which it last had them.

    Returns:
        The queries that the labeler had before, open gold included, then those that are new to it: together as many
        as were chosen. Without open gold, nothing and all that were chosen.
    """
    run_ids = {query.run_id for query in chosen if query.gold_interval}
    gold = _read(connection, labeler, run_ids) if run_ids else []
    if not gold:
        return [], list(chosen)
    candidates = [*gold, *chosen]
    had = _last_leases(connection, labeler, [query.number for query in candidates])
    before = sorted((query for query in candidates if query.number in had), key=lambda one: had[one.number])
    before = before[: len(chosen)]
    new = [query for query in chosen if query.number not in had]
    return before, new[: len(chosen) - len(before)]


def is_counted(connection: sa.Connection, *, query_number: int, answer_row: int | None = None) -> bool:
    """Return whether an answer to gold counts for its labeler: only the first one does.

    Args:
        connection: Its transaction has locked the query.
        query_number: The gold query.
        answer_row: The number of one of its answers; None for one that isn't stored yet.
    """
    first = connection.execute(_FIRST_ANSWER, {"of_query": query_number}).scalar_one()
    return bool(first == answer_row)


def _read(connection: sa.Connection, labeler: Labeler, run_ids: Collection[str]) -> list[Query]:
    own = {"of_labeler": labeler.labeler_id}
    found = run(connection, [Step(_OPEN, own | {"of_run": run_id}) for run_id in sorted(run_ids)])
    numbers = [number for rows in found for (number,) in rows]
    if not numbers:
        return []
    return [
        dataclasses.replace(query, state=QueryState.READY)
        for query in query_repository.read(connection, list(numbers))
    ]


def _last_leases(connection: sa.Connection, labeler: Labeler, numbers: Sequence[int]) -> dict[int, int]:
    """Return the number of the labeler's newest ended lease of each query that it ever leased."""
    rows = connection.execute(_LAST, {"of_labeler": labeler.labeler_id, "of_queries": list(numbers)})
    return {row.query_number: row.last for row in rows}


def _select_open() -> sa.Select[Any]:
    has_ended = sa.and_(_LEASES.c.state == "held", _LEASES.c.expire_ms <= clock.NOW_MS)
    unanswered = (
        sa.select(_LEASES.c.query_number)
        .where(
            _LEASES.c.labeler_id == sa.bindparam("of_labeler"),
            sa.or_(_LEASES.c.state == "returned", _LEASES.c.state == "expired", has_ended),
        )
        .order_by(_LEASES.c.number.desc())
        .limit(_NUM_LOOKED_AT)
        .subquery("unanswered")
    )
    other = _LEASES.alias("other")
    is_live = sa.and_(other.c.state == "held", other.c.expire_ms > clock.NOW_MS)
    is_done_with = sa.exists().where(
        other.c.query_number == _QUERIES.c.number,
        sa.or_(other.c.state == "answered", other.c.state == "released", is_live),
    )
    return (
        sa.select(_QUERIES.c.number)
        .distinct()
        .join(unanswered, unanswered.c.query_number == _QUERIES.c.number)
        .where(_QUERIES.c.gold_kind != "", _QUERIES.c.has_clips.is_(True), ~is_done_with)
    )


_ANY_OPEN = _select_open()
_OPEN = _ANY_OPEN.where(_QUERIES.c.run_id == sa.bindparam("of_run"))


def has_open() -> sa.ColumnElement[bool]:
    """Return the condition that the labeler ``of_labeler`` has open gold, of any run."""
    return _ANY_OPEN.exists()


_LAST = (
    sa.select(_LEASES.c.query_number, sa.func.max(_LEASES.c.number).label("last"))
    .where(
        _LEASES.c.labeler_id == sa.bindparam("of_labeler"),
        _LEASES.c.query_number.in_(sa.bindparam("of_queries", expanding=True)),
        # The lease that it was given just now is none of those before.
        sa.or_(_LEASES.c.state != "held", _LEASES.c.expire_ms <= clock.NOW_MS),
    )
    .group_by(_LEASES.c.query_number)
)
# Joined through leases, which are indexed by query.
_FIRST_ANSWER = (
    sa.select(sa.func.min(_ANSWERS.c.number))
    .join(_LEASES, _LEASES.c.number == _ANSWERS.c.lease_number)
    .where(_LEASES.c.query_number == sa.bindparam("of_query"))
)
