"""Leases and answers of many labelers in one transaction: each gets what it would have got alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.labeler.database import migrate, schema
from services.labeler.database.group_commit import LATER
from services.labeler.database.steps import Step, run
from services.labeler.feedback import answer_repository
from services.labeler.feedback.answer_repository import Submission
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Lease, Proposal
from services.labeler.people import labeler_repository
from services.labeler.queries import grant_repository, query_repository
from services.labeler.queries.grant_repository import LeaseRequest, grant
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference
from somersault.domain.keys import segment_key
from somersault.domain.preference_log import PreferenceRecord
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment
from somersault.errors import AlreadyExistsError, FailedPreconditionError, ResourceExhaustedError
from somersault.runtime.urls import sqlite_url

TEACHERS = [Labeler(labeler_id=f"t{i}", name=f"t{i}", role=Role.TEACHER, runs=None) for i in range(3)]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    """Open a database with a run of four queries and three teachers."""
    engine = sa.create_engine(sqlite_url(tmp_path / "labels.sqlite"))
    migrate.to_head(engine)
    with engine.begin() as opened:
        run_repository.create(opened, run_id="r", task="t", question="?")
        query_repository.propose(opened, "r", [_proposal(f"p{i}") for i in range(4)])
        for teacher in TEACHERS:
            labeler_repository.add(opened, teacher, token_sha256=teacher.labeler_id)
        yield opened
    engine.dispose()


def _proposal(name: str) -> Proposal:
    first, second = (
        StoredSegment(
            segment_id=f"{name}{side}",
            segment_uri=segment_key("r", f"{name}{side}"),
            sealed_uri="",
            duration_s=1.0,
        )
        for side in "ab"
    )
    return Proposal(proposal_id=name, first=first, second=second, wants_clips=False)


def _request(number: int, *, count: int = 1, max_leases: int = 3) -> LeaseRequest:
    return LeaseRequest(labeler=TEACHERS[number], run_id="r", count=count, lease_s=60, max_leases=max_leases)


def _leases(connection: sa.Connection, *requests: LeaseRequest) -> list[list[Lease]]:
    outcomes = grant(connection, requests)
    assert all(isinstance(each, list) for each in outcomes)
    return [each for each in outcomes if isinstance(each, list)]


def _submission(number: int, lease: Lease, answer_id: str) -> Submission:
    return Submission(
        labeler=TEACHERS[number],
        lease_token=lease.token,
        answer_id=answer_id,
        preference=Preference.LEFT,
        response_ms=5,
    )


def test_no_query_is_given_twice(connection: sa.Connection) -> None:
    """Nor more than a labeler may hold, over all of its calls."""
    outcomes = grant(connection, [_request(1, count=2), _request(0), _request(1, count=2), _request(2)])
    given = [lease.query.number for each in outcomes if isinstance(each, list) for lease in each]
    assert sorted(given) == [1, 2, 3, 4]
    assert [len(each) for each in outcomes if isinstance(each, list)] == [2, 1, 1, 0]
    again = grant(connection, [_request(1), _request(0, max_leases=1)])
    assert [type(each) for each in again] == [ResourceExhaustedError] * 2


def test_a_query_that_was_leased_elsewhere_meanwhile_is_given_up(
    connection: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the choice of a query and its lock another replica may have committed a lease of it."""
    elsewhere = {"token_sha256": "x", "query_number": 1, "labeler_id": "t2", "state": "held"}
    elsewhere |= {"leased_ms": 0, "expire_ms": 2**45}

    def run_with_another(opened: sa.Connection, steps: Sequence[Step]) -> list[Any]:
        monkeypatch.setattr(grant_repository, "run", run)
        before = run(opened, steps[:2])
        opened.execute(sa.insert(schema.leases), elsewhere)
        return before + run(opened, steps[2:])

    monkeypatch.setattr(grant_repository, "run", run_with_another)
    ((lease,),) = _leases(connection, _request(0))
    assert lease.query.number == 2
    held = sa.select(schema.leases.c.query_number, schema.leases.c.labeler_id)
    assert sorted(map(tuple, connection.execute(held))) == [(1, "t2"), (2, "t0")]


def test_each_answer_has_its_own_outcome(connection: sa.Connection) -> None:
    """Those that are stored have the log's next positions, in order; a copy of one of them comes later."""
    (one, two, three), (four,) = _leases(connection, _request(0, count=3), _request(1))
    assert answer_repository.submit(connection, [_submission(0, one, "known")])
    outcomes = answer_repository.submit(
        connection,
        [
            _submission(0, two, "a"),
            _submission(1, three, "stolen"),
            _submission(0, three, "known"),
            _submission(0, two, "a"),
            _submission(1, four, "b"),
            _submission(0, one, "known"),
        ],
    )
    kinds = [each if each is LATER else type(each) for each in outcomes]
    refused = [FailedPreconditionError, AlreadyExistsError]
    assert kinds == [PreferenceRecord, *refused, LATER, PreferenceRecord, PreferenceRecord]
    rows = [each for each in outcomes if isinstance(each, PreferenceRecord)]
    assert [(each.cursor, each.answer_id) for each in rows] == [(2, "a"), (3, "b"), (1, "known")]
    newest = sa.select(schema.runs.c.newest_cursor, schema.runs.c.newest_plain_cursor, schema.runs.c.num_left)
    assert tuple(connection.execute(newest).one()) == (3, 3, 3)
    repeats = answer_repository.submit(connection, [_submission(0, two, "a"), _submission(0, one, "known")])
    assert [each.cursor for each in repeats if isinstance(each, PreferenceRecord)] == [2, 1]
