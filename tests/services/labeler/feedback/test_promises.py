"""Any order of leasing, answering, repeating, changing, releasing, withdrawing, waiting and resting keeps the promises.

A state machine of `hypothesis` with a model beside it; time is the machine's own.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from services.labeler.database import migrate, schema
from services.labeler.feedback import (
    answer_repository,
    log_repository,
    revision_repository,
)
from services.labeler.feedback.answer_repository import Submission
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Proposal, QueryState
from services.labeler.people import labeler_repository
from services.labeler.queries import lease_repository, query_repository
from services.labeler.queries.grant_repository import LeaseRequest, grant
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference
from somersault.domain.keys import segment_key
from somersault.domain.preference_log import PreferenceRecord
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment
from somersault.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidInputError,
    LeaseExpiredError,
    ResourceExhaustedError,
    SomersaultError,
)
from somersault.runtime.urls import sqlite_url

LEASE_S = 10.0
MAX_LEASES = 3
MAX_QUERIES = 16
TEACHERS = [Labeler(labeler_id=f"t{i}", name=f"t{i}", role=Role.TEACHER, runs=None) for i in range(3)]
PREFERENCES = st.sampled_from(list(Preference))


@dataclass
class HeldLease:
    """What the model knows of a lease."""

    labeler: Labeler
    query_id: str
    token: str
    expire_ms: int
    state: str = "held"


def _only(outcomes: Sequence[Any]) -> Any:
    """Return the outcome of a single request."""
    (outcome,) = outcomes
    if isinstance(outcome, SomersaultError):
        raise outcome
    return outcome


class Labeling(RuleBasedStateMachine):
    """Compares the store with a model of what must hold."""

    leased = Bundle("leased")
    answered = Bundle("answered")

    def __init__(self) -> None:
        """Make a fresh database."""
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.engine = sa.create_engine(sqlite_url(self.folder / "labels.sqlite"))
        sa.event.listen(self.engine, "connect", self.set_up)
        self.now_ms = 1_000_000
        migrate.to_head(self.engine)
        self.target: dict[str, int] = {}
        self.withdrawn: set[str] = set()
        self.is_leasing = True
        self.leases: list[HeldLease] = []
        self.replies: dict[tuple[str, int], PreferenceRecord] = {}
        self.log: list[PreferenceRecord] = []
        self.change(lambda c: run_repository.create(c, run_id="r", task="t", question="?"))
        for teacher in TEACHERS:
            self.change(lambda c, t=teacher: labeler_repository.add(c, t, token_sha256=t.labeler_id))  # type: ignore[misc]

    def teardown(self) -> None:
        """Remove the database."""
        self.engine.dispose()
        shutil.rmtree(self.folder)

    def set_up(self, raw: sqlite3.Connection, _record: object) -> None:
        """Have the database tell the model's time, and not wait for the disk."""
        raw.execute("PRAGMA synchronous=OFF")
        raw.create_function("julianday", 1, lambda _: 2440587.5 + (self.now_ms + 0.5) / 86_400_000)

    def change(self, work: Callable[[sa.Connection], Any]) -> Any:
        """Run a unit of work in a transaction of its own."""
        with self.engine.begin() as connection:
            return work(connection)

    def live(self, query_id: str) -> list[HeldLease]:
        """Return a query's leases that are held and have not ended."""
        return [
            one
            for one in self.leases
            if one.query_id == query_id and one.state == "held" and one.expire_ms > self.now_ms
        ]

    def num_counted(self, query_id: str) -> int:
        """Return how many answers of a query count."""
        return sum(row.query_id == query_id and row.version == 1 and not row.is_extra for row in self.log)

    @initialize(wanted=st.lists(st.integers(1, 3), min_size=4, max_size=8))
    def begin(self, wanted: list[int]) -> None:
        """Begin with some queries."""
        for num_wanted in wanted:
            self.propose(num_wanted)

    @precondition(lambda self: len(self.target) < MAX_QUERIES)
    @rule(num_wanted=st.integers(1, 3))
    def propose(self, num_wanted: int) -> None:
        """Add a query that wants one to three answers."""
        name = f"p{len(self.target)}"
        first, second = (
            StoredSegment(
                segment_id=f"{name}{side}",
                segment_uri=segment_key("r", f"{name}{side}"),
                sealed_uri="",
                duration_s=1.0,
            )
            for side in "ab"
        )
        proposal = Proposal(
            proposal_id=name, first=first, second=second, wants_clips=False, target_answers=num_wanted
        )
        (query_id,), _ = self.change(lambda c: query_repository.propose(c, "r", [proposal]))
        self.target[query_id] = num_wanted

    @rule(
        target=leased,
        order=st.permutations(TEACHERS),
        count=st.integers(1, 3),
        pause_s=st.sampled_from([0, 11]),
    )
    def rush(self, order: list[Labeler], count: int, pause_s: int) -> Any:
        """Have every labeler lease, one after the other, the earlier leases ended or not."""
        given: list[HeldLease] = []
        for teacher in order:
            given += self.lease(teacher, count)
            self.wait(pause_s)
        return multiple(*given)

    def lease(self, teacher: Labeler, count: int) -> list[HeldLease]:
        """Leases; each query given was free for this labeler."""
        held = sum(one.labeler is teacher for query in self.target for one in self.live(query))

        def work(connection: sa.Connection) -> Any:
            request = LeaseRequest(
                labeler=teacher, run_id="r", count=count, lease_s=LEASE_S, max_leases=MAX_LEASES
            )
            return _only(grant(connection, [request]))

        if held >= MAX_LEASES:
            with contextlib.suppress(ResourceExhaustedError):
                self.change(work)
                raise AssertionError("one lease too many was given")
            return []
        free = [query_id for query_id in self.target if self.is_free(query_id, teacher)]
        given = [
            HeldLease(teacher, one.query.query_id, one.token, self.now_ms + round(LEASE_S * 1000))
            for one in self.change(work)
        ]
        assert [one.query_id for one in given] == free[: min(count, MAX_LEASES - held)]
        self.leases += given
        return given

    def is_free(self, query_id: str, teacher: Labeler) -> bool:
        """Return whether a labeler may have a query now."""
        own = [one for one in self.leases if one.query_id == query_id and one.labeler is teacher]
        return (
            self.is_leasing
            and query_id not in self.withdrawn
            and self.num_counted(query_id) + len(self.live(query_id)) < self.target[query_id]
            and not any(one.state != "held" or one.expire_ms > self.now_ms for one in own)
        )

    @rule(target=answered, lease=leased, preference=PREFERENCES, life=st.integers(0, 3))
    def submit(self, lease: HeldLease, preference: Preference, life: int) -> Any:
        """Answer under a lease, live or not, sometimes under another name, and repeat that."""
        answer_id = f"a-{self.leases.index(lease)}-{life // 3}"
        reply = self.outcome(lease, answer_id, preference)
        if (answer_id, 1) in self.replies:
            first = self.replies[answer_id, 1]
            assert reply == first if first.preference is preference else reply is AlreadyExistsError
        elif lease.state != "held":
            assert reply is FailedPreconditionError
            return multiple()
        else:
            wanted = self.num_counted(lease.query_id) < self.target[lease.query_id] and (
                lease.query_id not in self.withdrawn or lease.expire_ms > self.now_ms
            )
            assert isinstance(reply, PreferenceRecord)
            assert (reply.is_extra, reply.cursor) == (not wanted, len(self.log) + 1)
            lease.state = "answered"
            self.log.append(reply)
            self.replies[answer_id, 1] = reply
        assert self.outcome(lease, answer_id, preference) == reply
        return answer_id

    def outcome(self, lease: HeldLease, answer_id: str, preference: Preference) -> Any:
        """Return the reply to an answer, or the kind of error."""
        try:
            return self.change(
                lambda c: _only(
                    answer_repository.submit(
                        c,
                        [
                            Submission(
                                labeler=lease.labeler,
                                lease_token=lease.token,
                                answer_id=answer_id,
                                preference=preference,
                                response_ms=5,
                            )
                        ],
                    )
                )
            )
        except SomersaultError as err:
            return type(err)

    @rule(answer_id=answered, back=st.integers(0, 1), preference=PREFERENCES)
    def revise(self, answer_id: str, back: int, preference: Preference) -> None:
        """Revise an answer, or repeat a revision."""
        newest = max(version for name, version in self.replies if name == answer_id)
        version = newest + 1 - back
        teacher = next(t for t in TEACHERS if t.labeler_id == self.replies[answer_id, 1].labeler_id)
        try:
            reply = self.change(
                lambda c: revision_repository.revise(
                    c, teacher, answer_id=answer_id, version=version, preference=preference
                )
            )
        except (AlreadyExistsError, InvalidInputError):
            assert self.replies[answer_id, version].preference is not preference
            return
        except FailedPreconditionError:
            own = [row.answer_id for row in self.log if row.labeler_id == teacher.labeler_id]
            assert answer_id not in list(dict.fromkeys(own))[-revision_repository.NUM_REVISABLE :]
            return
        assert reply == self.replies.setdefault((answer_id, version), reply)
        if version > newest:
            self.log.append(reply)

    @rule(lease=leased)
    def release(self, lease: HeldLease) -> None:
        """Release a query for good."""
        try:
            self.change(lambda c: lease_repository.release(c, lease.labeler, token=lease.token))
            lease.state = "released"
        except FailedPreconditionError:
            assert lease.state == "answered"

    @rule(lease=leased)
    def give_back(self, lease: HeldLease) -> None:
        """Returns a query, as a page that closes: it may come again, and a late answer is taken."""
        try:
            self.change(
                lambda c: lease_repository.release(c, lease.labeler, token=lease.token, is_returned=True)
            )
            lease.expire_ms = min(lease.expire_ms, self.now_ms)
        except FailedPreconditionError:
            assert lease.state == "answered"

    @rule(state=st.sampled_from(["running", "stopped", "finished"]), is_paused=st.booleans())
    def live_on(self, state: str, is_paused: bool) -> None:
        """Move the run to another state, which only leasing minds."""
        self.change(lambda c: run_repository.update(c, "r", state=state, is_paused=is_paused))
        self.is_leasing = state != "finished" and not is_paused

    @rule(lease=leased)
    def renew(self, lease: HeldLease) -> None:
        """Extend live leases, no others."""
        is_live = lease in self.live(lease.query_id)
        try:
            renewal = self.change(
                lambda c: lease_repository.renew(
                    c, lease.labeler, token=lease.token, lease_s=LEASE_S, max_age_s=3600
                )
            )
            lease.expire_ms = renewal.expire_ms
            assert is_live
        except LeaseExpiredError:
            assert not is_live

    @rule(number=st.integers(0, 40))
    def withdraw(self, number: int) -> None:
        """Withdraw a query if it has no answer."""
        if number < len(self.target):
            query_id = list(self.target)[number]
            withdrawn, _ = self.change(lambda c: query_repository.withdraw(c, "r", [query_id]))
            assert bool(withdrawn) == (self.num_counted(query_id) == 0)
            self.withdrawn.update(withdrawn)

    @rule(seconds=st.sampled_from([1, 4, 11]))
    def wait(self, seconds: int) -> None:
        """Let time pass; eleven seconds end every lease."""
        self.now_ms += seconds * 1000

    @invariant()
    def the_log_is_what_was_acknowledged(self) -> None:
        """In order, without gaps, nothing lost, doubled or changed."""
        with self.engine.connect() as connection:
            rows = log_repository.read_after(connection, "r", cursor=0, count=1000)
        assert rows == self.log
        assert [row.cursor for row in rows] == list(range(1, len(rows) + 1))

    @invariant()
    def the_counters_are_what_counting_gives(self) -> None:
        """Of queries by state, of counted answers by preference, of agreement, of each labeler."""
        newest: dict[str, PreferenceRecord] = {row.answer_id: row for row in self.log}
        counted = [row for row in newest.values() if not row.is_extra]
        ways = Counter(
            tuple(
                sum(row.query_id == query_id and row.preference is kind for row in counted)
                for kind in (Preference.LEFT, Preference.RIGHT, Preference.EQUAL)
            )
            for query_id in self.target
        )
        with self.engine.connect() as connection:
            run = connection.execute(sa.select(schema.runs)).one()
            states = Counter(connection.execute(sa.select(schema.queries.c.state)).scalars())
            table = connection.execute(sa.select(schema.agreement)).all()
            own = connection.execute(sa.select(schema.labeler_counts)).all()
            minutes = connection.execute(sa.select(sa.func.sum(schema.answer_minutes.c.num_answers))).scalar()
        assert all(getattr(run, f"num_{state.value}") == states[state.value] for state in QueryState)
        for kind in Preference:
            assert getattr(run, f"num_{kind.value}") == sum(row.preference is kind for row in counted)
            for row in own:
                said = [one for one in newest.values() if one.labeler_id == row.labeler_id]
                assert getattr(row, f"num_{kind.value}") == sum(one.preference is kind for one in said)
        assert {tuple(row[1:4]): row.num_queries for row in table if row.num_queries} == {
            way: number for way, number in ways.items() if sum(way) >= 2
        }
        assert (minutes or 0) == len(newest)

    @invariant()
    def no_query_is_promised_or_counted_too_often(self) -> None:
        """At most k live leases, at most k answers that count."""
        for query_id, target in self.target.items():
            assert len(self.live(query_id)) <= target
            assert self.num_counted(query_id) <= target
        counted = Counter(row.answer_id for row in self.log if row.version == 1)
        assert not counted or max(counted.values()) == 1


TestLabeling = Labeling.TestCase
TestLabeling.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
