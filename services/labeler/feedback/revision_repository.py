"""Revisions of answers: each a new version in the log, whose rows never change."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.database.steps import Step, run
from services.labeler.feedback import (
    answer_repository,
    log_repository,
    tally_repository,
)
from services.labeler.feedback.log_repository import NewRow
from services.labeler.model.labelers import Labeler
from services.labeler.queries import (
    gold_repository,
    lease_repository,
    open_gold_repository,
)
from somersault.domain.feedback import Preference
from somersault.domain.preference_log import PreferenceRecord
from somersault.errors import AlreadyExistsError, FailedPreconditionError, InvalidInputError, NotFoundError

__all__ = ["NUM_REVISABLE", "add_version", "newest", "revise"]

NUM_REVISABLE = 10  # newest answers of each labeler

_ANSWERS = schema.answers

_CHANGE = sa.update(_ANSWERS).where(_ANSWERS.c.number == sa.bindparam("of_number"))
_NEWEST = (
    sa.select(_ANSWERS.c.number)
    .where(_ANSWERS.c.labeler_id == sa.bindparam("of_labeler"))
    .order_by(_ANSWERS.c.number.desc())
    .limit(NUM_REVISABLE)
)


def revise(
    connection: sa.Connection,
    labeler: Labeler,
    *,
    answer_id: str,
    version: int,
    preference: Preference,
) -> PreferenceRecord:
    """Add a version of an answer; repeating the call has no further effect.

    Raises:
        NotFoundError: the labeler has no such answer.
        InvalidInputError: the version isn't the next one.
        FailedPreconditionError: the answer is too old.
        AlreadyExistsError: that version says something else.
    """
    answer = _find_own(connection, labeler, answer_id)
    lease_repository.lock_query(connection, answer.query_number)
    answer = _find_own(connection, labeler, answer_id)
    if version <= answer.newest_version:
        record = log_repository.record(connection, answer.number, version=version)
        if record.preference is not preference:
            raise AlreadyExistsError(
                f"version {version} of answer {answer_id!r} already says {record.preference.value!r}"
            )
        return record
    if version != answer.newest_version + 1:
        raise InvalidInputError("version", version, f"at most {answer.newest_version + 1}, the next")
    _check_newest(connection, labeler, answer)
    add_version(connection, answer, preference, now_ms=clock.now_ms(connection))
    return log_repository.record(connection, answer.number, version=version)


def add_version(
    connection: sa.Connection, answer: schema.Row, preference: Preference, *, now_ms: int
) -> None:
    """Append the next version of an answer to the log, and count it in place of the one before."""
    query = lease_repository.lock_query(connection, answer.query_number)
    version, before = answer.newest_version + 1, Preference(answer.preference)
    is_moved = not answer.is_extra and before is not preference
    steps = [
        Step(
            _CHANGE, {"of_number": answer.number, "newest_version": version, "preference": preference.value}
        ),
        *log_repository.steps_to_append(
            answer.run_id,
            [
                NewRow(
                    lease_number=answer.lease_number,
                    commit_id=log_repository.new_commit_id(),
                    is_plain=not answer.is_gold,
                    version=version,
                    preference=preference,
                    now_ms=now_ms,
                )
            ],
            amounts={before: -1, preference: 1} if is_moved else {},
        ),
    ]
    if is_moved:
        tally = tally_repository.of_query(query).plus(before, -1).plus(preference)
        steps += tally_repository.steps_to_store(query, tally, target=query.target_answers)
    if not answer.is_gold or open_gold_repository.is_counted(
        connection, query_number=query.number, answer_row=answer.number
    ):
        numbers = tally_repository.amounts_of(before, preference) | gold_repository.amounts_of(
            query, before, preference
        )
        steps += tally_repository.steps_to_count_labeler(answer.run_id, answer.labeler_id, **numbers)
    run(connection, steps)


def _find_own(connection: sa.Connection, labeler: Labeler, answer_id: str) -> schema.Row:
    answer = answer_repository.find(connection, answer_id)
    if answer is None or answer.labeler_id != labeler.labeler_id or not labeler.reaches(answer.run_id):
        raise NotFoundError(f"{labeler.labeler_id!r} has no answer {answer_id!r}")
    return answer


def newest(connection: sa.Connection, labeler: Labeler) -> set[int]:
    """Return the numbers of the answers that a labeler may revise."""
    return set(connection.execute(_NEWEST, {"of_labeler": labeler.labeler_id}).scalars())


def _check_newest(connection: sa.Connection, labeler: Labeler, answer: schema.Row) -> None:
    if answer.number not in newest(connection, labeler):
        raise FailedPreconditionError(
            f"answer {answer.answer_id!r} is older than the newest {NUM_REVISABLE}, the only ones that can be revised"
        )
