"""New answers: stored once, counted, and appended to the log."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from services.labeler.database import schema
from services.labeler.database.group_commit import LATER, Later
from services.labeler.database.steps import Step, run
from services.labeler.feedback import log_repository, tally_repository
from services.labeler.feedback.tally import Tally
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import QueryState
from services.labeler.queries import (
    gold_repository,
    lease_repository,
    open_gold_repository,
)
from services.labeler.queries.lease_repository import HeldLease
from somersault.domain.feedback import Preference
from somersault.domain.preference_log import RECORD_FIELDS, PreferenceRecord
from somersault.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    SomersaultError,
)

__all__ = ["Submission", "find", "step_to_insert", "steps_to_count", "submit"]

_ANSWERS = schema.answers
_QUERIES = schema.queries

_FIND = sa.select(_ANSWERS).where(_ANSWERS.c.answer_id == sa.bindparam("of_answer"))
_INSERT = (
    postgresql.insert(_ANSWERS)  # its ON CONFLICT is SQLite's too
    .on_conflict_do_nothing(index_elements=["answer_id"])
    .returning(_ANSWERS.c.number)
)
_COLUMNS = {
    field.name: field.column.partition(".")[2]
    for field in RECORD_FIELDS
    if field.column.startswith("answers.")
}
_ASKS_AGAIN = sa.select(schema.runs.c.asks_again).where(schema.runs.c.run_id == sa.bindparam("of_run"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """An answer to a leased query, as it came."""

    labeler: Labeler
    lease_token: str
    answer_id: str
    preference: Preference
    response_ms: int


def submit(
    connection: sa.Connection, submissions: Sequence[Submission]
) -> list[PreferenceRecord | SomersaultError | Later]:
    """Answer leased queries; return the log's row of each, or why it isn't stored. Repeating an answer has no further effect.

    Of several new ones to one query or under one name, the first is stored, and the others are to be submitted later.

    FailedPreconditionError: the lease isn't the labeler's, was released, or was answered under another name.
    AlreadyExistsError: the answer's name already stands for something else.

    Raises:
        AlreadyExistsError: another replica has just used the name of one; nothing may be committed.
    """
    locking = [
        lease_repository.step_to_lock(each.labeler, token=each.lease_token, answer_id=each.answer_id)
        for each in submissions
    ]
    locked = run(connection, locking)
    outcomes: list[PreferenceRecord | SomersaultError | Later] = []
    queries, names, places, additions = set[int](), set[str](), list[int](), list[_Addition]()
    for submission, rows in zip(submissions, locked, strict=True):
        try:
            held = lease_repository.locked(submission.labeler, rows)
            if held.lease.state in ("answered", "released"):
                outcomes.append(_repeat(connection, held.lease, submission))
                continue
            if held.named is not None:
                raise _is_used(submission.answer_id)
        except SomersaultError as err:
            outcomes.append(err)
            continue
        if held.query.number not in queries and submission.answer_id not in names:
            queries.add(held.query.number)
            names.add(submission.answer_id)
            places.append(len(outcomes))
            additions.append(_addition(connection, submission, held))
        outcomes.append(LATER)
    for place, record in zip(places, _store(connection, additions), strict=True):
        outcomes[place] = record
    return outcomes


class _Addition(NamedTuple):
    """A new answer, to be stored and counted."""

    record: PreferenceRecord
    held: HeldLease
    tally: Tally
    """Its query's, with it."""
    is_counted: bool
    """Whether it counts for its labeler: of gold, only the first answer does."""

    @property
    def amounts(self) -> dict[QueryState | Preference, int]:
        """What it adds to its run's counters."""
        amounts: dict[QueryState | Preference, int] = {}
        if not self.record.is_extra:
            amounts = {self.record.preference: 1}
            if self.tally.num_answers >= self.record.target_answers:
                amounts |= {QueryState(self.held.query.state): -1, QueryState.ANSWERED: 1}
        return amounts

    def steps(self) -> list[Step]:
        """Return the steps that store and count it, in the log aside."""
        record, query = self.record, self.held.query
        steps = [lease_repository.step_to_mark_answered(self.held.lease.number)]
        if not record.is_extra:
            steps += tally_repository.steps_to_store(query, self.tally, target=record.target_answers)
        return [*steps, *(steps_to_count(record, query) if self.is_counted else [])]


def _addition(connection: sa.Connection, submission: Submission, held: HeldLease) -> _Addition:
    query, labeler = held.query, submission.labeler
    is_wanted = not query.gold_kind and _is_wanted(held)
    tally = tally_repository.of_query(query).plus(submission.preference)
    record = PreferenceRecord(
        cursor=0,
        run_id=query.run_id,
        query_id=query.query_id,
        answer_id=submission.answer_id,
        version=1,
        preference=submission.preference,
        left=held.left,
        right=held.right,
        labeler_id=labeler.labeler_id,
        labeler_role=labeler.role,
        is_extra=not is_wanted,
        commit_ms=held.now_ms,
        response_ms=submission.response_ms,
        is_gold=bool(query.gold_kind),
        gold_kind=query.gold_kind,
        gold_preference=Preference(query.gold_preference) if query.gold_kind else None,
        answer_number=tally.num_answers if is_wanted else 0,
        target_answers=_target(connection, query, tally) if is_wanted else 0,
        guidelines_version=held.lease.guidelines_version,
        commit_id=log_repository.new_commit_id(),
    )
    is_counted = not record.is_gold or open_gold_repository.is_counted(connection, query_number=query.number)
    return _Addition(record, held, tally, is_counted)


def _store(connection: sa.Connection, additions: Sequence[_Addition]) -> list[PreferenceRecord]:
    """Store and count new answers; return their rows of the log."""
    by_run: dict[str, list[_Addition]] = {}
    for each in additions:
        by_run.setdefault(each.record.run_id, []).append(each)
    steps = [
        step_to_insert(each.record, query_number=each.held.query.number, lease_number=each.held.lease.number)
        for each in additions
    ]
    cursors: dict[str, int] = {}
    for run_id, those in sorted(by_run.items()):
        amounts: Counter[QueryState | Preference] = Counter()
        for each in those:
            amounts.update(each.amounts)
        appending = log_repository.steps_to_append(
            run_id,
            [log_repository.row_of(each.record, lease_number=each.held.lease.number) for each in those],
            amounts=amounts,
        )
        for place, each in enumerate(those, start=len(steps) + 1):
            cursors[each.record.answer_id] = place
        steps += appending
    steps += [step for each in additions for step in each.steps()]
    steps += tally_repository.steps_to_count_minutes([each.record for each in additions if each.is_counted])
    done = run(connection, steps)
    records = []
    for each, inserted in zip(additions, done, strict=False):
        if not inserted:
            raise _is_used(each.record.answer_id)
        ((cursor, weight),) = done[cursors[each.record.answer_id]]
        records.append(dataclasses.replace(each.record, cursor=cursor, weight=weight))
    return records


def step_to_insert(record: PreferenceRecord, *, query_number: int, lease_number: int) -> Step:
    """Return the step that adds a new answer, which yields no row if the name is taken."""
    row = {
        "run_id": record.run_id,
        "query_number": query_number,
        "lease_number": lease_number,
        "newest_version": 1,
        "preference": record.preference.value,
        "answered_ms": record.commit_ms,
    }
    return Step(_INSERT, row | {column: getattr(record, name) for name, column in _COLUMNS.items()})


def find(connection: sa.Connection, answer_id: str) -> schema.Row | None:
    """Return an answer by name."""
    return connection.execute(_FIND, {"of_answer": answer_id}).one_or_none()


def _repeat(connection: sa.Connection, lease: schema.Row, submission: Submission) -> PreferenceRecord:
    """Return the first reply again if the lease was answered by this answer."""
    answer = find(connection, submission.answer_id)
    if answer is None:
        if lease.state == "released":
            raise FailedPreconditionError("the lease was released: the query goes to other labelers")
        raise FailedPreconditionError(
            "the lease was answered under another answer_id; RevisePreference changes that answer"
        )
    first = log_repository.record(connection, answer.number, version=1)
    if answer.lease_number != lease.number or first.preference is not submission.preference:
        raise _is_used(submission.answer_id)
    return first


def _is_used(answer_id: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        f"answer_id {answer_id!r} already stands for another answer; give each answer its own"
    )


def _is_wanted(held: HeldLease) -> bool:
    """Return whether one more answer counts; for a withdrawn query, only under a lease that is still live."""
    query = held.query
    if query.num_answers >= query.target_answers:
        return False
    is_live = held.lease.expire_ms > held.now_ms
    return bool(query.is_open) or (query.state == QueryState.WITHDRAWN.value and is_live)


def _target(connection: sa.Connection, query: schema.Row, tally: Tally) -> int:
    """Return how many answers a query wants including this one: one more, once, if it is full and they differ."""
    target = int(query.target_answers)
    if query.is_widened or tally.num_answers < target or not tally.is_split:
        return target
    asks_again = connection.execute(_ASKS_AGAIN, {"of_run": query.run_id}).scalar_one()
    return target + 1 if asks_again else target


def steps_to_count(record: PreferenceRecord, query: schema.Row) -> list[Step]:
    """Return the steps that add a new answer to its labeler's counts."""
    half_a_clip_ms = 500 * min(record.left.duration_s, record.right.duration_s)
    numbers = tally_repository.amounts_of(None, record.preference) | gold_repository.amounts_of(
        query, None, record.preference
    )
    numbers |= {"num_timed": int(record.response_ms > 0)}
    numbers |= {"num_fast": int(0 < record.response_ms < half_a_clip_ms)}
    return tally_repository.steps_to_count_labeler(record.run_id, record.labeler_id, **numbers)
