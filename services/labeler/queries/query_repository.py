"""Queries: proposed, withdrawn, listed."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from services.labeler.clips import clip_repository
from services.labeler.database import bounds, clock, counters, schema
from services.labeler.model.queries import Proposal, Query, QueryPage, QueryState, Side
from services.labeler.model.runs import Run
from services.labeler.queries import prediction_repository
from services.labeler.queries.sides import draw_is_swapped
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference
from somersault.domain.keys import sealed_key, segment_key
from somersault.domain.trajectory import StoredSegment
from somersault.errors import AlreadyExistsError, InvalidInputError, NotFoundError

__all__ = ["SELECT", "list_newest", "of_row", "propose", "read", "store_segments", "with_skips", "withdraw"]

_QUERIES = schema.queries
_SEGMENTS = schema.segments


def propose(connection: sa.Connection, run_id: str, proposals: Sequence[Proposal]) -> tuple[list[str], int]:
    """Add new proposals; return the query of each, and how many are new.

    Raises:
        NotFoundError: the run is unknown.
        InvalidInputError: a key isn't one of the run: its clip would show another run's segment.
        AlreadyExistsError: a name already stands for another pair.
    """
    run = run_repository.read(connection, run_id)
    for proposal in proposals:
        _check_own_keys(run_id, proposal.first)
        _check_own_keys(run_id, proposal.second)
    known = _known(connection, run_id, [proposal.proposal_id for proposal in proposals])
    for proposal in proposals:
        if proposal.proposal_id in known:
            _check_same(proposal, known[proposal.proposal_id])
    fresh = [proposal for proposal in proposals if proposal.proposal_id not in known]
    inserted = _insert(connection, run, fresh) if fresh else {}
    by_proposal = {name: row.query_id for name, row in known.items()} | inserted
    return [by_proposal[proposal.proposal_id] for proposal in proposals], len(fresh)


def withdraw(connection: sa.Connection, run_id: str, query_ids: Sequence[str]) -> tuple[list[str], int]:
    """Withdraw those queries that have no answer; return all that are withdrawn, and how many are newly so.

    Raises:
        NotFoundError: the run lacks one of them.
    """
    rows = connection.execute(
        sa.select(_QUERIES.c.number, _QUERIES.c.query_id, _QUERIES.c.state, _QUERIES.c.num_answers)
        .where(_QUERIES.c.run_id == run_id, _QUERIES.c.query_id.in_(query_ids), _QUERIES.c.gold_kind == "")
        .order_by(_QUERIES.c.number)
        .with_for_update()
    ).all()
    missing = set(query_ids) - {row.query_id for row in rows}
    if missing:
        raise NotFoundError(f"run {run_id!r} has no query {min(missing)!r}")
    withdrawn = {row.query_id: row.number for row in rows if row.num_answers == 0}
    connection.execute(
        sa.update(_QUERIES)
        .where(_QUERIES.c.number.in_(list(withdrawn.values())))
        .values(state=QueryState.WITHDRAWN.value, is_open=False)
    )
    states = Counter(QueryState(row.state) for row in rows if row.num_answers == 0)
    num_new = states.total() - states.pop(QueryState.WITHDRAWN, 0)
    if num_new:
        amounts: dict[QueryState | Preference, int] = {QueryState.WITHDRAWN: num_new}
        amounts |= {state: -number for state, number in states.items()}
        counters.add_to_run(connection, run_id, amounts)
    return [query_id for query_id in query_ids if query_id in withdrawn], num_new


def read(connection: sa.Connection, numbers: Sequence[int]) -> list[Query]:
    """Return queries by number, oldest first."""
    rows = connection.execute(_READ, {"numbers": numbers})
    return [of_row(row) for row in rows]


def list_newest(
    connection: sa.Connection,
    run_id: str,
    *,
    state: QueryState | None,
    before_number: int | None,
    page_size: int,
) -> QueryPage:
    """Return a page of a run's queries, newest first.

    Raises:
        NotFoundError: the run is unknown.
    """
    run_repository.newest_cursor(connection, run_id)
    page = SELECT.where(_QUERIES.c.run_id == run_id, _QUERIES.c.gold_kind == "")
    if state is not None:
        page = page.where(_QUERIES.c.state == state.value)
    if before_number is not None:
        page = page.where(_QUERIES.c.number < before_number)
    rows = connection.execute(page.order_by(_QUERIES.c.number.desc()).limit(page_size + 1)).all()
    more = len(rows) > page_size
    rows = rows[:page_size]
    return QueryPage(queries=[of_row(row) for row in rows], next_number=rows[-1].number if more else None)


def with_skips(connection: sa.Connection, page: QueryPage) -> QueryPage:
    """Return a page with the number of labelers that skipped each query."""
    leases = schema.leases.c
    rows = connection.execute(
        sa.select(leases.query_number, sa.func.count().label("num"))
        .where(leases.query_number.in_([query.number for query in page.queries]), leases.state == "released")
        .group_by(leases.query_number)
    )
    num_skips = {row.query_number: row.num for row in rows}
    queries = [replace(query, num_skips=num_skips.get(query.number, 0)) for query in page.queries]
    return replace(page, queries=queries)


def _known(connection: sa.Connection, run_id: str, proposal_ids: Sequence[str]) -> dict[str, schema.Row]:
    rows = connection.execute(
        sa.select(
            _QUERIES.c.proposal_id,
            _QUERIES.c.query_id,
            _QUERIES.c.left_segment_id,
            _QUERIES.c.right_segment_id,
        ).where(_QUERIES.c.run_id == run_id, _QUERIES.c.proposal_id.in_(proposal_ids))
    )
    return {row.proposal_id: row for row in rows}


def _check_own_keys(run_id: str, segment: StoredSegment) -> None:
    if segment.segment_uri != segment_key(run_id, segment.segment_id):
        raise InvalidInputError("segment_uri", segment.segment_uri, segment_key(run_id, segment.segment_id))
    if segment.sealed_uri not in ("", sealed_key(run_id, segment.segment_id)):
        raise InvalidInputError(
            "sealed_uri", segment.sealed_uri, f"{sealed_key(run_id, segment.segment_id)}, or empty"
        )


def _check_same(proposal: Proposal, row: schema.Row) -> None:
    if _sides(proposal) != (row.left_segment_id, row.right_segment_id):
        raise AlreadyExistsError(
            f"proposal_id {proposal.proposal_id!r} already stands for the pair {row.left_segment_id!r} and"
            f" {row.right_segment_id!r}"
        )


def _sides(proposal: Proposal) -> tuple[str, str]:
    sides = (proposal.first.segment_id, proposal.second.segment_id)
    return sides[::-1] if draw_is_swapped(proposal.proposal_id) else sides


def _insert(connection: sa.Connection, run: Run, fresh: Sequence[Proposal]) -> dict[str, str]:
    """Add queries in order and return the query of each proposal."""
    run_id = run.run_id
    pairs = [(proposal.first, proposal.second) for proposal in fresh]
    segments = [segment for pair in pairs for segment in pair]
    store_segments(connection, run_id, segments)
    wanting = [proposal for proposal in fresh if proposal.wants_clips]
    wanted = [stored.segment_id for p in wanting for stored in (p.first, p.second)]
    if wanted:
        clip_repository.want(connection, run_id, wanted)
    states = clip_repository.states(connection, run_id, [segment.segment_id for segment in segments])
    now_ms = clock.now_ms(connection)
    rows = [_row(run, proposal, clip_states=states, now_ms=now_ms) for proposal in fresh]
    connection.execute(sa.insert(_QUERIES), rows)
    prediction_repository.keep(connection, run_id, wanting)
    counters.add_to_run(connection, run_id, Counter(QueryState(str(row["state"])) for row in rows))
    return {str(row["proposal_id"]): str(row["query_id"]) for row in rows}


def _row(run: Run, proposal: Proposal, *, clip_states: dict[str, str], now_ms: int) -> dict[str, object]:
    left, right = _sides(proposal)
    found = {clip_states.get(left), clip_states.get(right)}
    state = QueryState.READY
    if proposal.wants_clips and found != {"stored"}:
        state = QueryState.FAILED if "failed" in found else QueryState.RENDERING
    return {
        "query_id": f"q{secrets.token_hex(8)}",
        "run_id": run.run_id,
        "proposal_id": proposal.proposal_id,
        "left_segment_id": left,
        "right_segment_id": right,
        "wants_clips": proposal.wants_clips,
        "has_clips": found == {"stored"},
        "state": state.value,
        "target_answers": proposal.target_answers or run.target_answers,
        "num_answers": 0,
        "is_open": True,
        "proposed_ms": now_ms,
    }


def store_segments(connection: sa.Connection, run_id: str, segments: Sequence[StoredSegment]) -> None:
    """Store new segments.

    Raises:
        AlreadyExistsError: one is known with other keys or another duration.
    """
    named: dict[str, StoredSegment] = {}
    for segment in segments:
        _check_same_segment(segment, named.setdefault(segment.segment_id, segment))
    rows = connection.execute(
        sa.select(_SEGMENTS).where(_SEGMENTS.c.run_id == run_id, _SEGMENTS.c.segment_id.in_(list(named)))
    )
    for row in rows:
        _check_same_segment(named.pop(row.segment_id), _segment(row))
    if named:
        connection.execute(
            sa.insert(_SEGMENTS),
            [
                {
                    "run_id": run_id,
                    "segment_id": segment.segment_id,
                    "segment_uri": segment.segment_uri,
                    "sealed_uri": segment.sealed_uri,
                    "duration_s": segment.duration_s,
                }
                for segment in named.values()
            ],
        )


def _check_same_segment(segment: StoredSegment, known: StoredSegment) -> None:
    if segment != known:
        raise AlreadyExistsError(
            f"segment {segment.segment_id!r} is already known with other keys or another duration"
        )


def _segment(row: schema.Row) -> StoredSegment:
    return StoredSegment(
        segment_id=row.segment_id,
        segment_uri=row.segment_uri,
        sealed_uri=row.sealed_uri,
        duration_s=row.duration_s,
    )


def _select_queries() -> sa.Select[*tuple[Any, ...]]:
    """Select queries with their run, segments and clips."""
    run = schema.runs
    selected = sa.select(_QUERIES, run.c.question, run.c.guidelines_version, run.c.gold_interval).join(
        run, run.c.run_id == _QUERIES.c.run_id
    )
    for side in ("left", "right"):
        segment, clip = _SEGMENTS.alias(f"{side}_segment"), schema.clips.alias(f"{side}_clip")
        shown = _QUERIES.c[f"{side}_segment_id"]
        selected = (
            selected.join(segment, (segment.c.run_id == _QUERIES.c.run_id) & (segment.c.segment_id == shown))
            .outerjoin(clip, (clip.c.run_id == _QUERIES.c.run_id) & (clip.c.segment_id == shown))
            .add_columns(
                bounds.bounded_key(segment.c.segment_uri).label(f"{side}_segment_uri"),
                bounds.bounded_key(segment.c.sealed_uri).label(f"{side}_sealed_uri"),
                clip.c.sha256.label(f"{side}_sha256"),
            )
        )
    return selected


SELECT = _select_queries()
"""Selects queries as `of_row` takes them."""

_READ = SELECT.where(_QUERIES.c.number.in_(sa.bindparam("numbers", expanding=True))).order_by(
    _QUERIES.c.number
)


def of_row(row: schema.Row) -> Query:
    """Return the query that a selected row holds."""
    return Query(
        query_id=row.query_id,
        run_id=row.run_id,
        question=row.question,
        left=_side(row, "left"),
        right=_side(row, "right"),
        state=QueryState(row.state),
        proposed_ms=row.proposed_ms,
        guidelines_version=row.guidelines_version,
        target_answers=row.target_answers,
        num_answers=row.num_answers,
        gold_interval=row.gold_interval,
        number=row.number,
    )


def _side(row: schema.Row, side: str) -> Side:
    return Side(
        segment_id=getattr(row, f"{side}_segment_id"),
        segment_uri=getattr(row, f"{side}_segment_uri"),
        sealed_uri=getattr(row, f"{side}_sealed_uri"),
        clip_sha256=getattr(row, f"{side}_sha256") if row.has_clips else "",
    )
