"""Which queries with clips are listed, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.labeler.database import schema
from services.labeler.model.clips import ClipChoice
from somersault.domain.feedback import Preference

__all__ = ["Place", "choose"]

_ANSWERS = schema.answers
_PREDICTED = schema.predicted_rewards
_QUERIES = schema.queries

_DIFFERING, _SURPRISING, _OTHER = 0, 1, 2


class Place(NamedTuple):
    """A query's place in an order: by rank, then by falling sureness, then by falling number."""

    rank: int
    sureness: float
    number: int


def choose(
    connection: sa.Connection, run_id: str, choice: ClipChoice, *, after: Place | None, count: int
) -> list[Place]:
    """Return the places of up to ``count`` queries after a place."""
    if choice.is_by_disagreement:
        page = _by_disagreement(run_id, choice, after)
    else:
        page = sa.select(sa.literal(_OTHER), sa.literal(0.0), _QUERIES.c.number).where(
            *_chosen(run_id, choice)
        )
        page = page.order_by(_QUERIES.c.number.desc())
        if after is not None:
            page = page.where(_QUERIES.c.number < after.number)
    rows: Sequence[Any] = connection.execute(page.limit(count)).all()
    return [Place(*row) for row in rows]


def _by_disagreement(
    run_id: str, choice: ClipChoice, after: Place | None
) -> sa.Select[tuple[int, float, int]]:
    """Select the chosen queries in order of disagreement; runs labeled by people have thousands, not millions."""
    advantage = sa.func.coalesce(_PREDICTED.c.left_advantage, 0.0)
    rank = sa.case((_is_differing(), _DIFFERING), (_is_surprising(advantage), _SURPRISING), else_=_OTHER)
    ranked = (
        sa.select(
            _QUERIES.c.number,
            rank.label("rank"),
            sa.case((rank == _SURPRISING, sa.func.abs(advantage)), else_=0.0).label("sureness"),
        )
        .outerjoin(_PREDICTED, _PREDICTED.c.query_number == _QUERIES.c.number)
        .where(*_chosen(run_id, choice))
        .subquery("ranked")
    )
    columns = ranked.c
    page = sa.select(columns.rank, columns.sureness, columns.number)
    if after is not None:
        is_later = (columns.sureness < after.sureness) | (
            (columns.sureness == after.sureness) & (columns.number < after.number)
        )
        page = page.where((columns.rank > after.rank) | ((columns.rank == after.rank) & is_later))
    return page.order_by(columns.rank, columns.sureness.desc(), columns.number.desc())


def _chosen(run_id: str, choice: ClipChoice) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of a choice. Gold belongs to one labeler and is never chosen."""
    table = _QUERIES.c
    conditions = [table.run_id == run_id, table.has_clips.is_(True), table.gold_kind == ""]
    if choice.is_answered:
        conditions.append(table.num_answers > 0)
    if choice.labeler_id is not None:
        conditions.append(table.number.in_(_answered_by(run_id, choice.labeler_id, choice.preference)))
    elif choice.preference is not None:
        conditions.append(_num_of(choice.preference) > 0)
    return conditions


def _answered_by(run_id: str, labeler_id: str, preference: Preference | None) -> sa.Select[tuple[int]]:
    answered = sa.select(_ANSWERS.c.query_number).where(
        _ANSWERS.c.labeler_id == labeler_id, _ANSWERS.c.run_id == run_id, _ANSWERS.c.is_extra.is_(False)
    )
    return answered if preference is None else answered.where(_ANSWERS.c.preference == preference.value)


def _num_of(preference: Preference) -> sa.ColumnElement[int]:
    """Return the number of a query's counted answers of a kind."""
    if preference is not Preference.INCOMPARABLE:
        return _QUERIES.c[f"num_{preference.value}"]
    return _QUERIES.c.num_answers - _num_compared()


def _num_compared() -> sa.ColumnElement[int]:
    return _QUERIES.c.num_left + _QUERIES.c.num_right + _QUERIES.c.num_equal


def _is_differing() -> sa.ColumnElement[bool]:
    """Return the condition that a query's answers differ."""
    table = _QUERIES.c
    kinds = (table.num_left, table.num_right, table.num_equal)
    return sa.and_(_num_compared() > 0, *(number != table.num_answers for number in kinds))


def _is_surprising(advantage: sa.ColumnElement[float]) -> sa.ColumnElement[bool]:
    """Return the condition that most answers prefer the side predicted to be worse."""
    table = _QUERIES.c
    return sa.or_(
        (table.num_left > table.num_right) & (advantage < 0),
        (table.num_right > table.num_left) & (advantage > 0),
    )
