"""Gold: now and then a person gets a pair whose answer is known and that looks like any other.

A gold query is a row of its own, made for one labeler when it is leased: a copy of a pair that two or more others
answered alike, or of one that the labeler itself answered, with the sides swapped. Its state is answered from the
start, so nothing else ever leases or counts it. It stays with that labeler until it is answered or skipped.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.labeler.database import schema
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Query, QueryState
from services.labeler.queries import open_gold_repository, query_repository
from somersault.domain.feedback import Preference
from somersault.domain.preference_log import GOLD_KINDS
from somersault.domain.roles import Role

__all__ = ["KINDS", "amounts_of", "draw", "mix_in"]

KINDS = GOLD_KINDS
_NUM_CANDIDATES = 200  # the newest, so that the cost is the same after a million answers
_NUM_FRESH = 10  # of the labeler's own answers, which a person still remembers and may still revise
_COUNTED = {"unanimous": "num_unanimous", "repeat": "num_repeats"}
_SWAPPED = {Preference.LEFT: Preference.RIGHT, Preference.RIGHT: Preference.LEFT}

_QUERIES = schema.queries
_ANSWERS = schema.answers
_LEASES = schema.leases


def draw(count: int) -> int:
    """Draw a number from 0 to count - 1 that no labeler can predict."""
    return secrets.randbelow(count)


def mix_in(
    connection: sa.Connection, labeler: Labeler, chosen: Sequence[Query], *, has_open: bool, now_ms: int
) -> list[Query]:
    """Return the queries that a labeler gets for those chosen: some replaced by gold, if it is a person.

    ``has_open`` is whether there may be gold that it was given before and hasn't answered.
    """
    if labeler.role is not Role.LABELER:
        return list(chosen)
    before: list[Query] = []
    new = list(chosen)
    if has_open:
        before, new = open_gold_repository.bring_back(connection, labeler, chosen)
    mixed = [
        (_make(connection, labeler, query, now_ms=now_ms) or query)
        if query.gold_interval and draw(query.gold_interval) == 0
        else query
        for query in new
    ]
    return before + mixed


def amounts_of(query: schema.Row, before: Preference | None, after: Preference) -> dict[str, int]:
    """Return how an answer to gold changes its labeler's counts; empty for other queries."""
    if not query.gold_kind:
        return {}
    name = _COUNTED[query.gold_kind]
    num_right = int(after == query.gold_preference) - int(before == query.gold_preference)
    return {name: int(before is None), f"{name}_right": num_right}


def _make(connection: sa.Connection, labeler: Labeler, instead: Query, *, now_ms: int) -> Query | None:
    """Make a gold query; None if the run has nothing to make one from yet."""
    first = draw(len(KINDS))
    for kind in (KINDS[first], KINDS[1 - first]):
        candidates = _find(connection, _STATEMENTS[kind], labeler, instead.run_id)
        if candidates:
            source = candidates[draw(len(candidates))]
            # Half of the unanimous are swapped, like any pair; a repeat always is, or favoring a side would go unnoticed.
            is_swapped = kind == "repeat" or draw(2) == 1
            return _copy(connection, labeler, source, kind=kind, is_swapped=is_swapped, now_ms=now_ms)
    return None


def _copy(
    connection: sa.Connection,
    labeler: Labeler,
    source: schema.Row,
    *,
    kind: str,
    is_swapped: bool,
    now_ms: int,
) -> Query:
    name, known = secrets.token_hex(8), Preference(source.known)
    sides = (source.left_segment_id, source.right_segment_id)
    left, right = sides[::-1] if is_swapped else sides
    row = {
        "query_id": f"q{name}",
        "run_id": source.run_id,
        "proposal_id": f"gold-{name}",
        "left_segment_id": left,
        "right_segment_id": right,
        "wants_clips": False,
        "has_clips": True,
        "state": QueryState.ANSWERED.value,
        "target_answers": 1,
        "num_answers": 0,
        "is_open": False,
        "proposed_ms": now_ms,
        "gold_kind": kind,
        "gold_labeler_id": labeler.labeler_id,
        "gold_source_number": source.number,
        "gold_preference": (_SWAPPED[known] if is_swapped else known).value,
    }
    number = connection.execute(sa.insert(_QUERIES).returning(_QUERIES.c.number), row).scalar_one()
    (query,) = query_repository.read(connection, [number])
    return dataclasses.replace(query, state=QueryState.READY)


def _was_gold(source: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition that the labeler was given a source as gold before."""
    gold = _QUERIES.alias("gold")
    return sa.exists().where(
        gold.c.gold_labeler_id == sa.bindparam("of_labeler"), gold.c.gold_source_number == source.c.number
    )


def _select_unanimous() -> sa.Select[Any]:
    newest = (
        sa.select(_QUERIES)
        .where(_QUERIES.c.run_id == sa.bindparam("of_run"), _QUERIES.c.is_unanimous.is_(True))
        .order_by(_QUERIES.c.number.desc())
        .limit(_NUM_CANDIDATES)
        .subquery("newest")
    )
    known = sa.case((newest.c.num_left > 0, Preference.LEFT.value), else_=Preference.RIGHT.value)
    seen = sa.exists().where(
        _LEASES.c.query_number == newest.c.number, _LEASES.c.labeler_id == sa.bindparam("of_labeler")
    )
    return sa.select(newest, known.label("known")).where(
        newest.c.has_clips.is_(True),
        newest.c.state == QueryState.ANSWERED.value,
        ~seen,
        ~_was_gold(newest),
    )


def _select_repeats() -> sa.Select[Any]:
    own = (
        sa.select(_ANSWERS)
        .where(_ANSWERS.c.labeler_id == sa.bindparam("of_labeler"))
        .order_by(_ANSWERS.c.number.desc())
        .offset(_NUM_FRESH)
        .limit(_NUM_CANDIDATES)
        .subquery("own")
    )
    return (
        sa.select(_QUERIES, own.c.preference.label("known"))
        .join(own, own.c.query_number == _QUERIES.c.number)
        .where(
            own.c.run_id == sa.bindparam("of_run"),
            own.c.preference.in_([kind.value for kind in _SWAPPED]),
            _QUERIES.c.gold_kind == "",
            _QUERIES.c.has_clips.is_(True),
            ~_was_gold(_QUERIES),
        )
    )


_STATEMENTS = {"unanimous": _select_unanimous(), "repeat": _select_repeats()}


def _find(
    connection: sa.Connection, statement: sa.Select[Any], labeler: Labeler, run_id: str
) -> list[schema.Row]:
    return list(connection.execute(statement, {"of_run": run_id, "of_labeler": labeler.labeler_id}))
