"""Rows of an export imported: answers, with the queries, segments and labelers that they refer to."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa

from services.labeler.database import counters, schema
from services.labeler.database.steps import run
from services.labeler.feedback import (
    answer_repository,
    log_repository,
    revision_repository,
    tally_repository,
)
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import QueryState
from services.labeler.oversight import audit_repository, weight_repository
from services.labeler.people import labeler_repository
from services.labeler.queries import query_repository
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference
from somersault.domain.preference_log import PreferenceRecord, WeightChange
from somersault.domain.roles import Role
from somersault.errors import AlreadyExistsError, InvalidInputError, NotFoundError

__all__ = ["take"]

_ANSWERS = schema.answers
_CHANGES = schema.weight_changes
_QUERIES = schema.queries


def take(
    connection: sa.Connection, by: Labeler, run_id: str, rows: Sequence[PreferenceRecord | WeightChange]
) -> int:
    """Import rows of one run in order; return how many are new.

    Raises:
        NotFoundError: the run is unknown.
        InvalidInputError: a version isn't the next one.
        AlreadyExistsError: a name already stands for something else.
    """
    run_repository.read(connection, run_id)
    counters.add_to_run(connection, run_id, {})
    num_new = 0
    for row in rows:
        is_new = (
            _import_change(connection, row)
            if isinstance(row, WeightChange)
            else _import_record(connection, row)
        )
        num_new += is_new
    if num_new:
        audit_repository.add(connection, by, "ImportPreferences", run_id=run_id, what=f"{num_new} rows")
    return num_new


def _import_change(connection: sa.Connection, change: WeightChange) -> bool:
    known = connection.execute(
        sa.select(_CHANGES).where(
            _CHANGES.c.run_id == change.run_id, _CHANGES.c.change_id == change.change_id
        )
    ).one_or_none()
    if known is not None:
        if (known.labeler_id, known.weight) != (change.labeler_id, change.weight):
            raise AlreadyExistsError(f"change_id {change.change_id!r} already stands for another change")
        return False
    _add_missing_labeler(connection, change.run_id, change.labeler_id, Role.LABELER)
    commit_id = log_repository.new_commit_id()
    cursor = log_repository.take_position(connection, change.run_id, commit_id=commit_id, is_plain=False)
    weight_repository.add(connection, dataclasses.replace(change, cursor=cursor, commit_id=commit_id))
    return True


def _import_record(connection: sa.Connection, record: PreferenceRecord) -> bool:
    of_name = sa.select(_ANSWERS).where(_ANSWERS.c.answer_id == record.answer_id)
    answer = connection.execute(of_name).one_or_none()
    newest = 0 if answer is None else answer.newest_version
    if answer is not None and record.version <= newest:
        _check_same(log_repository.record(connection, answer.number, version=record.version), record)
        return False
    if record.version != newest + 1:
        bound = f"{newest + 1}, the next one; rows are imported in log order"
        raise InvalidInputError(f"version of answer {record.answer_id!r}", record.version, bound)
    if answer is not None:
        _check_same(log_repository.record(connection, answer.number, version=newest), record, is_next=True)
        revision_repository.add_version(connection, answer, record.preference, now_ms=record.commit_ms)
        return True
    _add_missing_labeler(connection, record.run_id, record.labeler_id, record.labeler_role)
    query_repository.store_segments(connection, record.run_id, [record.left, record.right])
    query, is_new = _query(connection, record)
    _add_answer(connection, record, query, is_new=is_new)
    return True


def _check_same(known: PreferenceRecord, record: PreferenceRecord, *, is_next: bool = False) -> None:
    if known.run_id != record.run_id:  # of which the importer may know nothing
        raise AlreadyExistsError(
            f"answer_id {record.answer_id!r} is taken: it stands for another run's answer"
        )
    names = ("query_id", "labeler_id", *(() if is_next else ("preference",)))
    for name in names:
        if getattr(known, name) != getattr(record, name):
            raise AlreadyExistsError(
                f"answer_id {record.answer_id!r} already has {name} {str(getattr(known, name))!r},"
                f" not {str(getattr(record, name))!r}"
            )


def _add_missing_labeler(connection: sa.Connection, run_id: str, labeler_id: str, role: Role) -> None:
    """Add a labeler that has no token to a run, unless there is one of that name."""
    try:
        known = labeler_repository.read(connection, labeler_id).labeler
    except NotFoundError:
        labeler = Labeler(labeler_id=labeler_id, name=labeler_id, role=role, runs=frozenset({run_id}))
        labeler_repository.add(
            connection, labeler, token_sha256=labeler_repository.no_token(), is_revoked=True
        )
        return
    if known.role not in (role, Role.TEACHER, Role.LABELER):
        raise AlreadyExistsError(f"labeler {labeler_id!r} already has the role {known.role.value}")


def _query(connection: sa.Connection, record: PreferenceRecord) -> tuple[schema.Row, bool]:
    """Return the answered query's row, and whether it was just added for this answer: closed, never leased."""
    of_name = sa.select(_QUERIES).where(_QUERIES.c.query_id == record.query_id).with_for_update()
    row = connection.execute(of_name).one_or_none()
    sides = {"left_segment_id": record.left.segment_id, "right_segment_id": record.right.segment_id}
    if row is not None:
        wanted = {"run_id": record.run_id, "gold_kind": record.gold_kind, **sides}
        if any(getattr(row, name) != value for name, value in wanted.items()):
            raise AlreadyExistsError(f"query_id {record.query_id!r} already stands for another query")
        return row, False
    values = {
        "query_id": record.query_id,
        "run_id": record.run_id,
        "proposal_id": record.query_id,
        **sides,
        "wants_clips": False,
        "has_clips": False,
        "state": QueryState.ANSWERED.value,
        "target_answers": max(1, record.target_answers),
        "num_answers": 0,
        "is_open": False,
        "proposed_ms": record.commit_ms,
        "gold_kind": record.gold_kind,
        "gold_labeler_id": record.labeler_id if record.is_gold else "",
        "gold_preference": record.gold_preference.value if record.gold_preference else "",
    }
    return connection.execute(sa.insert(_QUERIES).returning(_QUERIES), values).one(), True


def _add_answer(
    connection: sa.Connection, record: PreferenceRecord, query: schema.Row, *, is_new: bool
) -> None:
    tally = tally_repository.of_query(query).plus(record.preference)
    target = max(query.target_answers, record.target_answers)
    # A query that has since been answered here wants no more: the row becomes an extra.
    is_counted = not record.is_extra and tally.num_answers <= target
    lease = {
        "token_sha256": labeler_repository.no_token(),
        "query_number": query.number,
        "labeler_id": record.labeler_id,
        "state": "answered",
        "leased_ms": record.commit_ms,
        "expire_ms": record.commit_ms,
        "guidelines_version": record.guidelines_version,
    }
    inserted = sa.insert(schema.leases).returning(schema.leases.c.number)
    lease_number = connection.execute(inserted, lease).scalar_one()
    kept = dataclasses.replace(
        record,
        is_extra=not is_counted,
        answer_number=tally.num_answers if is_counted else 0,
        target_answers=target if is_counted else 0,
        commit_id=log_repository.new_commit_id(),
    )
    is_full = is_counted and tally.num_answers >= target
    amounts: dict[QueryState | Preference, int] = {record.preference: int(is_counted)}
    if is_new and not record.is_gold:
        amounts[QueryState.ANSWERED] = 1
    elif is_full and query.state != QueryState.ANSWERED.value:
        amounts |= {QueryState(query.state): -1, QueryState.ANSWERED: 1}
    row = log_repository.row_of(kept, lease_number=lease_number)
    appending = log_repository.steps_to_append(record.run_id, [row], amounts=amounts)
    storing = tally_repository.steps_to_store(query, tally, target=target) if is_counted else []
    run(
        connection,
        [
            answer_repository.step_to_insert(kept, query_number=query.number, lease_number=lease_number),
            *appending,
            *storing,
            *answer_repository.steps_to_count(kept, query),
            *tally_repository.steps_to_count_minutes([kept]),
        ],
    )
