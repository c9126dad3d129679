"""Leases: who gets what, for how long, and how waiting for it works."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from services.labeler import changes
from services.labeler.queries import open_query_repository
from somersault.domain.roles import Role
from somersault.errors import (
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
    ResourceExhaustedError,
)
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, refused, submit


async def test_oldest_queries_come_first(labeler: RunningLabeler) -> None:
    """The order of proposals is the order of leases."""
    query_ids = await labeler.propose("a", "b", "c")
    leased = await lease(labeler.as_role(Role.TEACHER), count=2)
    assert [one.query.query_id for one in leased] == query_ids[:2]


async def test_a_query_has_one_live_lease(labeler: RunningLabeler) -> None:
    """Fifty who ask at once for twenty queries never share one."""
    query_ids = await labeler.propose(*(f"p{i}" for i in range(20)))
    stubs = [await labeler.new_labeler() for _ in range(5)]
    leased = await asyncio.gather(*(lease(stub, count=1) for stub in stubs * 10))
    given = [one.query.query_id for several in leased for one in several]
    assert sorted(given) == sorted(query_ids)


async def test_a_lease_lasts_as_long_as_asked(labeler: RunningLabeler) -> None:
    """The default is 120 s, and the end is told by the database's clock."""
    await labeler.propose("a", "b")
    (short,) = await lease(labeler.as_role(Role.TEACHER), lease_s=7)
    (usual,) = await lease(labeler.as_role(Role.TEACHER))
    assert short.remaining_s == 7
    assert usual.remaining_s == 120
    assert usual.expire_time.ToMilliseconds() - time.time() * 1000 == pytest.approx(120_000, abs=5000)


async def test_an_ended_lease_gives_the_query_to_the_next(labeler: RunningLabeler) -> None:
    """A labeler that went away holds nothing up for longer than its lease."""
    await labeler.propose("a")
    await lease(labeler.as_role(Role.TEACHER), lease_s=1)
    other = await labeler.new_labeler()
    assert await lease(other) == []
    assert len(await lease(other, wait_s=5)) == 1


async def test_waiting_ends_as_soon_as_a_query_is_proposed(
    labeler: RunningLabeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long polls are woken, not polled: long before the next look, which here would be the wait's end."""
    monkeypatch.setattr(changes, "POLL_S", 30.0)
    waiting = asyncio.create_task(lease(labeler.as_role(Role.TEACHER), wait_s=10))
    await asyncio.sleep(0.1)
    await labeler.propose("a")
    started = time.monotonic()
    assert len(await waiting) == 1
    assert time.monotonic() - started < 5


async def test_waiting_in_vain_gives_nothing(labeler: RunningLabeler) -> None:
    """After wait_s the answer is empty, not an error."""
    started = time.monotonic()
    assert await lease(labeler.as_role(Role.TEACHER), wait_s=0.3) == []
    assert 0.25 < time.monotonic() - started < 10


async def test_too_many_leases_are_refused(labeler: RunningLabeler) -> None:
    """Ten may be held; the next call says so, and an answer makes room again."""
    teacher = labeler.as_role(Role.TEACHER)
    await labeler.propose(*(f"p{i}" for i in range(12)))
    first = await lease(teacher, count=8)
    assert len(await lease(teacher, count=8)) == 2
    assert isinstance(await refused(lease(teacher)), ResourceExhaustedError)
    await submit(teacher, first[0].lease_token, "a1")
    assert len(await lease(teacher, count=8)) == 1


async def test_a_released_query_never_comes_back(labeler: RunningLabeler) -> None:
    """Skipping gives the pair to somebody else at once; releasing twice is no error."""
    await labeler.propose("a")
    teacher, other = labeler.as_role(Role.TEACHER), await labeler.new_labeler()
    (held,) = await lease(teacher)
    for _ in range(2):
        await teacher.ReleaseQuery(pb.ReleaseQueryRequest(lease_token=held.lease_token))
    assert await lease(teacher) == []
    assert len(await lease(other)) == 1
    assert isinstance(await refused(submit(teacher, held.lease_token, "a1")), FailedPreconditionError)


async def test_renewing_prolongs_a_live_lease_alone(labeler: RunningLabeler) -> None:
    """A lease that ended is gone."""
    teacher = labeler.as_role(Role.TEACHER)
    await labeler.propose("a")
    (held,) = await lease(teacher, lease_s=1)
    renew = pb.RenewLeaseRequest(lease_token=held.lease_token, lease_s=1.5)
    response = await teacher.RenewLease(renew)
    assert response.remaining_s == 1.5
    assert response.expire_time.ToMilliseconds() > held.expire_time.ToMilliseconds()
    await asyncio.sleep(1.6)
    assert isinstance(await refused(teacher.RenewLease(renew)), FailedPreconditionError)


async def test_somebody_elses_lease_can_not_be_used(labeler: RunningLabeler) -> None:
    """A token is its holder's alone, even if it leaks to another labeler."""
    await labeler.propose("a")
    (held,) = await lease(labeler.as_role(Role.TEACHER))
    thief = await labeler.new_labeler()
    for call in (
        submit(thief, held.lease_token, "a1"),
        thief.RenewLease(pb.RenewLeaseRequest(lease_token=held.lease_token)),
        thief.ReleaseQuery(pb.ReleaseQueryRequest(lease_token=held.lease_token)),
    ):
        assert isinstance(await refused(call), FailedPreconditionError)


async def test_a_person_gets_no_query_without_clips(labeler: RunningLabeler) -> None:
    """Neither one that waits for clips nor one that has none; a teacher gets both."""
    await labeler.propose("a", wants_clips=True)
    await labeler.propose("b", wants_clips=False)
    assert await lease(labeler.as_role(Role.LABELER), count=5) == []
    assert len(await lease(labeler.as_role(Role.TEACHER), count=5)) == 2


async def test_only_a_teacher_is_told_of_sealed_parts(labeler: RunningLabeler) -> None:
    """An owner's list has segments, not their sealed parts."""
    await labeler.propose("a")
    (held,) = await lease(labeler.as_role(Role.TEACHER))
    assert held.query.left.sealed_uri.startswith(f"{RUN_ID}/sealed/a-")
    listed = (await labeler.as_role(Role.OWNER).ListQueries(pb.ListQueriesRequest(run_id=RUN_ID))).queries[0]
    assert (listed.left.sealed_uri, listed.right.sealed_uri) == ("", "")
    assert listed.left.segment_uri == held.query.left.segment_uri


async def test_leases_of_any_run(labeler: RunningLabeler) -> None:
    """Without a run_id every run's queries are given."""
    await labeler.create_run("run-2")
    await labeler.propose("a")
    await labeler.propose("a", run_id="run-2")
    response = await labeler.as_role(Role.TEACHER).LeaseQueries(pb.LeaseQueriesRequest(count=5))
    assert {one.query.run_id for one in response.leases} == {RUN_ID, "run-2"}


async def test_an_unknown_run_is_told_after_waiting(labeler: RunningLabeler) -> None:
    """A teacher may be there before its run; a typing error is still told."""
    request = pb.LeaseQueriesRequest(run_id="run-9", count=1, wait_s=0.1)
    assert isinstance(await refused(labeler.as_role(Role.TEACHER).LeaseQueries(request)), NotFoundError)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("count", 0),
        ("count", 11),
        ("wait_s", -1),
        ("wait_s", 30.5),
        ("wait_s", float("nan")),
        ("lease_s", 0.5),
        ("lease_s", 601),
        ("lease_s", float("nan")),
    ],
)
async def test_numbers_out_of_bounds_are_refused(labeler: RunningLabeler, field: str, value: float) -> None:
    """The error names the field and the bound."""
    request = pb.LeaseQueriesRequest(run_id=RUN_ID, count=1)
    setattr(request, field, value)
    error = await refused(labeler.as_role(Role.TEACHER).LeaseQueries(request))
    assert isinstance(error, InvalidInputError)
    assert field in str(error)


async def test_a_hundred_who_wait_cost_what_one_does(
    labeler: RunningLabeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share their looks; and when something comes, one of them gets it at once, the others go on waiting."""
    looks: list[float] = []
    has_any = open_query_repository.has_any

    def counted(*arguments: Any, **values: Any) -> bool:
        looks.append(time.monotonic())
        return has_any(*arguments, **values)

    monkeypatch.setattr(open_query_repository, "has_any", counted)
    teacher = labeler.as_role(Role.TEACHER)
    waiting = [asyncio.create_task(lease(teacher, wait_s=4)) for _ in range(100)]
    await asyncio.sleep(1.5)
    num_looks = len(looks)
    await labeler.propose("a")
    done, _ = await asyncio.wait(waiting, timeout=2.4, return_when=asyncio.FIRST_COMPLETED)
    assert [len(task.result()) for task in done] == [1]
    assert sum(len(leased) for leased in await asyncio.gather(*waiting)) == 1
    assert 1 <= num_looks <= 10
