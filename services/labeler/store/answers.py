"""Answers and the log of them. A row, once in the log, is never changed."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.records import Labeler, PreferenceRecord, QueryState
from services.labeler.store import clock, gold, leases, preference_log, schema, tallies
from services.labeler.tally import Tally
from somersault.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
)
from somersault.types import Preference

__all__ = ["NUM_REVISABLE", "add_version", "count_first", "revise", "submit"]

NUM_REVISABLE = 10  # of each labeler's newest answers

_ANSWERS = schema.answers
_QUERIES = schema.queries

_FIND = sa.select(_ANSWERS).where(_ANSWERS.c.answer_id == sa.bindparam("of_answer"))
_INSERT = sa.insert(_ANSWERS).returning(_ANSWERS)
_CHANGE = sa.update(_ANSWERS).where(_ANSWERS.c.number == sa.bindparam("of_number"))
_ASKS_AGAIN = sa.select(schema.runs.c.asks_again).where(schema.runs.c.run_id == sa.bindparam("of_run"))
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
    is_gold = bool(query.gold_kind)
    is_counted = not is_gold and _is_wanted(query, is_live=lease.expire_ms > now_ms)
    tally = tallies.of_query(query).plus(preference)
    target = _target(connection, query, tally) if is_counted else 0
    row = {
        "answer_id": answer_id,
        "run_id": query.run_id,
        "query_number": query.number,
        "labeler_id": labeler.labeler_id,
        "lease_number": lease.number,
        "is_extra": not is_counted,
        "newest_version": 1,
        "preference": preference.value,
        "response_ms": response_ms,
        "answered_ms": now_ms,
        "is_gold": is_gold,
        "position": tally.num_answers if is_counted else 0,
        "target_answers": target,
        "guidelines_version": lease.guidelines_version,
    }
    answer = connection.execute(_INSERT, row).one()
    leases.mark_answered(connection, lease.number)
    amounts: dict[QueryState | Preference, int] = {}
    if is_counted:
        amounts = {preference: 1}
        if tally.num_answers >= target:
            amounts |= {QueryState(query.state): -1, QueryState.ANSWERED: 1}
    preference_log.append(
        connection, answer, version=1, preference=preference, now_ms=now_ms, amounts=amounts
    )
    if is_counted:
        tallies.keep(connection, query, tally, target=target)
    record = preference_log.record(connection, answer.number, version=1)
    count_first(connection, labeler, record, query)
    return record


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
    add_version(connection, answer, preference, now_ms=clock.now_ms(connection))
    return preference_log.record(connection, answer.number, version=version)


def add_version(
    connection: sa.Connection, answer: schema.Row, preference: Preference, *, now_ms: int
) -> None:
    """Adds the next version of an answer to the log, and counts it instead of the one before."""
    query = leases.lock_query(connection, answer.query_number)
    version, before = answer.newest_version + 1, Preference(answer.preference)
    connection.execute(
        _CHANGE,
        {"of_number": answer.number, "newest_version": version, "preference": preference.value},
    )
    is_moved = not answer.is_extra and before is not preference
    preference_log.append(
        connection,
        answer,
        version=version,
        preference=preference,
        now_ms=now_ms,
        amounts={before: -1, preference: 1} if is_moved else {},
    )
    if is_moved:
        tally = tallies.of_query(query).plus(before, -1).plus(preference)
        tallies.keep(connection, query, tally, target=query.target_answers)
    numbers = tallies.amounts_of(before, preference) | gold.amounts_of(query, before, preference)
    tallies.count_labeler(connection, answer.run_id, answer.labeler_id, **numbers)


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


def _target(connection: sa.Connection, query: schema.Row, tally: Tally) -> int:
    """Gives how many answers a query wants with this one: one more, once, if it is full and they differ."""
    target = int(query.target_answers)
    if query.is_widened or tally.num_answers < target or not tally.is_split:
        return target
    asks_again = connection.execute(_ASKS_AGAIN, {"of_run": query.run_id}).scalar_one()
    return target + 1 if asks_again else target


def count_first(
    connection: sa.Connection, labeler: Labeler, record: PreferenceRecord, query: schema.Row
) -> None:
    """Counts a new answer in its labeler's numbers and in the hour's."""
    half_a_clip_ms = 500 * min(record.left.duration_s, record.right.duration_s)
    numbers = tallies.amounts_of(None, record.preference) | gold.amounts_of(query, None, record.preference)
    numbers |= {"num_timed": int(record.response_ms > 0)}
    numbers |= {"num_fast": int(0 < record.response_ms < half_a_clip_ms)}
    tallies.count_labeler(connection, record.run_id, labeler.labeler_id, **numbers)
    tallies.count_minute(connection, record.run_id, labeler.role, now_ms=record.commit_ms)


def _check_newest(connection: sa.Connection, labeler: Labeler, answer: schema.Row) -> None:
    newest = connection.execute(_NEWEST, {"of_labeler": labeler.labeler_id}).scalars()
    if answer.number not in set(newest):
        raise FailedPreconditionError(
            f"answer {answer.answer_id!r} is older than the newest {NUM_REVISABLE}, which alone change"
        )
