"""Answers and the log of them. A row, once in the log, is never changed."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.records import Labeler, PreferenceRecord, QueryState
from services.labeler.store import clock, leases, preference_log, schema
from somersault.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
)
from somersault.types import Preference

__all__ = ["NUM_REVISABLE", "revise", "submit"]

NUM_REVISABLE = 10  # of each labeler's newest answers

_ANSWERS = schema.answers
_QUERIES = schema.queries

_FIND = sa.select(_ANSWERS).where(_ANSWERS.c.answer_id == sa.bindparam("of_answer"))
_INSERT = sa.insert(_ANSWERS).returning(_ANSWERS.c.number)
_CHANGE = sa.update(_ANSWERS).where(_ANSWERS.c.number == sa.bindparam("of_number"))
_CHANGE_QUERY = sa.update(_QUERIES).where(_QUERIES.c.number == sa.bindparam("of_number"))
_NEWEST = (
    sa.select(_ANSWERS.c.number)
    .where(_ANSWERS.c.labeler_id == sa.bindparam("of_labeler"))
    .order_by(_ANSWERS.c.number.desc())
    .limit(NUM_REVISABLE)
)


def submit(
    connection: sa.Connection,
    labeler: Labeler,
    *,
    lease_token: str,
    answer_id: str,
    preference: Preference,
    response_ms: int,
) -> PreferenceRecord:
    """Answers a leased query, once however often it is called.

    Raises:
        FailedPreconditionError: the lease is not the labeler's, was released, or was answered otherwise.
        AlreadyExistsError: the answer's name was used for something else.
    """
    lease, query = leases.hold(connection, labeler, token=lease_token)
    known = _find(connection, answer_id)
    if known is not None:
        return _repeat(connection, known, lease=lease, preference=preference)
    _check_held(lease)
    now_ms = clock.now_ms(connection)
    is_extra = not _is_wanted(query, is_live=lease.expire_ms > now_ms)
    row = {
        "answer_id": answer_id,
        "run_id": query.run_id,
        "query_number": query.number,
        "labeler_id": labeler.labeler_id,
        "lease_number": lease.number,
        "is_extra": is_extra,
        "newest_version": 1,
        "preference": preference.value,
        "response_ms": response_ms,
        "answered_ms": now_ms,
    }
    number = connection.execute(_INSERT, row).scalar_one()
    leases.mark_answered(connection, lease.number)
    if not is_extra:
        _count_answer(connection, query)
    preference_log.append(
        connection,
        query.run_id,
        answer_number=number,
        version=1,
        preference=preference,
        now_ms=now_ms,
    )
    return preference_log.record(connection, number, version=1)


def revise(
    connection: sa.Connection,
    labeler: Labeler,
    *,
    answer_id: str,
    version: int,
    preference: Preference,
) -> PreferenceRecord:
    """Adds a version of an answer, once however often it is called.

    Raises:
        NotFoundError: the labeler has no such answer.
        InvalidInputError: the version does not follow the newest.
        FailedPreconditionError: the answer is too old.
        AlreadyExistsError: that version says something else.
    """
    answer = _find_own(connection, labeler, answer_id)
    leases.lock_query(connection, answer.query_number)
    answer = _find_own(connection, labeler, answer_id)
    if version <= answer.newest_version:
        record = preference_log.record(connection, answer.number, version=version)
        if record.preference is not preference:
            raise AlreadyExistsError(
                f"version {version} of answer {answer_id!r} says {record.preference.value!r} already"
            )
        return record
    if version != answer.newest_version + 1:
        raise InvalidInputError("version", version, f"at most {answer.newest_version + 1}, the next")
    _check_newest(connection, labeler, answer)
    connection.execute(
        _CHANGE,
        {"of_number": answer.number, "newest_version": version, "preference": preference.value},
    )
    preference_log.append(
        connection,
        answer.run_id,
        answer_number=answer.number,
        version=version,
        preference=preference,
        now_ms=clock.now_ms(connection),
    )
    return preference_log.record(connection, answer.number, version=version)


def _find(connection: sa.Connection, answer_id: str) -> schema.Row | None:
    return connection.execute(_FIND, {"of_answer": answer_id}).one_or_none()


def _find_own(connection: sa.Connection, labeler: Labeler, answer_id: str) -> schema.Row:
    answer = _find(connection, answer_id)
    if answer is None or answer.labeler_id != labeler.labeler_id:
        raise NotFoundError(f"{labeler.labeler_id!r} has no answer {answer_id!r}")
    return answer


def _repeat(
    connection: sa.Connection, answer: schema.Row, *, lease: schema.Row, preference: Preference
) -> PreferenceRecord:
    """Gives the first reply again."""
    first = preference_log.record(connection, answer.number, version=1)
    if answer.lease_number != lease.number or first.preference is not preference:
        raise AlreadyExistsError(
            f"answer_id {answer.answer_id!r} was used for another answer; give each its own"
        )
    return first


def _check_held(lease: schema.Row) -> None:
    if lease.state == "answered":
        raise FailedPreconditionError(
            "the lease was answered under another answer_id; RevisePreference changes that answer"
        )
    if lease.state == "released":
        raise FailedPreconditionError("the lease was released: the query is somebody else's")


def _is_wanted(query: schema.Row, *, is_live: bool) -> bool:
    """Says whether one more answer counts: a withdrawn query's only from who had it then."""
    if query.num_answers >= query.target_answers:
        return False
    return bool(query.is_open) or (query.state == QueryState.WITHDRAWN.value and is_live)


def _count_answer(connection: sa.Connection, query: schema.Row) -> None:
    values = {"of_number": query.number, "num_answers": query.num_answers + 1}
    if query.num_answers + 1 >= query.target_answers:
        values |= {"state": QueryState.ANSWERED.value, "is_open": False}
    connection.execute(_CHANGE_QUERY, values)


def _check_newest(connection: sa.Connection, labeler: Labeler, answer: schema.Row) -> None:
    newest = connection.execute(_NEWEST, {"of_labeler": labeler.labeler_id}).scalars()
    if answer.number not in set(newest):
        raise FailedPreconditionError(
            f"answer {answer.answer_id!r} is older than the newest {NUM_REVISABLE}, which alone change"
        )
