"""Answers: counted once, kept for ever, changed by new versions, followed in order."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from services.labeler.feedback import log_repository, preference_log
from somersault import rpc
from somersault.domain.roles import Role
from somersault.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
)
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.running import (
    RUN_ID,
    RunningLabeler,
    lease,
    refused,
    running_labeler,
    submit,
)

LEFT, RIGHT = preference_pb2.PREFERENCE_LEFT, preference_pb2.PREFERENCE_RIGHT


def _revise(stub: Any, answer_id: str, version: int, preference: int) -> Any:
    return stub.RevisePreference(
        pb.RevisePreferenceRequest(answer_id=answer_id, version=version, preference=preference)  # type: ignore[arg-type]
    )


def _watch(labeler: RunningLabeler, cursor: int) -> Any:
    request = pb.WatchPreferencesRequest(run_id=RUN_ID, cursor=cursor)
    return labeler.as_role(Role.SERVICE).WatchPreferences(request)


async def _answer(labeler: RunningLabeler, stub: Any, *names: str) -> None:
    """Have a labeler answer queries, each under its own name."""
    for name in names:
        await labeler.propose(name)
        (held,) = await lease(stub)
        await submit(stub, held.lease_token, name)


async def test_an_answer_becomes_a_log_row(labeler: RunningLabeler) -> None:
    """The row says who answered what about which segments."""
    (query_id,) = await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    record = await submit(teacher, held.lease_token, "a1", RIGHT)
    assert (record.cursor, record.version, record.preference) == (1, 1, RIGHT)
    assert (record.run_id, record.query_id, record.answer_id) == (RUN_ID, query_id, "a1")
    assert (record.labeler_id, record.labeler_role) == ("teacher", preference_pb2.ROLE_TEACHER)
    assert (record.left.segment_id, record.right.segment_id) == (
        held.query.left.segment_id,
        held.query.right.segment_id,
    )
    assert (record.is_extra, record.response_ms) == (False, 1200)
    assert await labeler.log() == [record]


async def test_five_copies_at_once_count_once(labeler: RunningLabeler) -> None:
    """Each copy gets the same reply, and the log has one row."""
    await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    records = await asyncio.gather(*(submit(teacher, held.lease_token, "a1") for _ in range(5)))
    assert await labeler.log() == [records[0]]
    assert all(record == records[0] for record in records)


async def test_a_repeat_after_a_restart_gets_the_first_reply(tmp_path: Path) -> None:
    """Even when the answer was changed in between."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await labeler.propose("a")
        teacher = labeler.as_role(Role.TEACHER)
        (held,) = await lease(teacher)
        first = await submit(teacher, held.lease_token, "a1")
        second = (await _revise(teacher, "a1", 2, RIGHT)).record
    async with running_labeler(tmp_path) as labeler:
        teacher = labeler.as_role(Role.TEACHER)
        assert await submit(teacher, held.lease_token, "a1") == first
        assert (await _revise(teacher, "a1", 2, RIGHT)).record == second
        assert await labeler.log() == [first, second]


async def test_a_name_used_for_something_else_is_refused(labeler: RunningLabeler) -> None:
    """By another preference, another query, or another labeler, in the same words: nobody learns whose it is."""
    await labeler.propose("a", "b", "c")
    teacher, other = labeler.as_role(Role.TEACHER), await labeler.new_labeler()
    first, second = await lease(teacher, count=2)
    (third,) = await lease(other)
    await submit(teacher, first.lease_token, "a1", LEFT)
    words = "answer_id 'a1' already stands for another answer; give each answer its own"
    for call in (
        submit(teacher, first.lease_token, "a1", RIGHT),
        submit(teacher, second.lease_token, "a1", LEFT),
        submit(other, third.lease_token, "a1", LEFT),
    ):
        error = await refused(call)
        assert (type(error), str(error)) == (AlreadyExistsError, words)
    assert len(await labeler.log()) == 1


async def test_a_lease_gives_one_answer(labeler: RunningLabeler) -> None:
    """A second name under the same lease is refused."""
    await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    await submit(teacher, held.lease_token, "a1")
    assert isinstance(await refused(submit(teacher, held.lease_token, "a2")), FailedPreconditionError)


async def test_without_a_lease_nothing_is_taken(labeler: RunningLabeler) -> None:
    """A made-up token is none."""
    error = await refused(submit(labeler.as_role(Role.TEACHER), "made-up", "a1"))
    assert isinstance(error, FailedPreconditionError)
    assert "LeaseQueries" in str(error)


async def test_a_late_answer_counts_while_one_is_wanted(labeler: RunningLabeler) -> None:
    """Whoever comes first counts, the other is kept as an extra: a stale token never counts twice."""
    await labeler.propose("a")
    late, other = labeler.as_role(Role.TEACHER), await labeler.new_labeler()
    (stale,) = await lease(late, lease_s=1)
    (fresh,) = await lease(other, wait_s=5)
    assert not (await submit(late, stale.lease_token, "late")).is_extra
    assert (await submit(other, fresh.lease_token, "fresh")).is_extra
    stats = await labeler.stats()
    assert (stats.num_answered, stats.num_left, stats.newest_cursor) == (1, 1, 2)


async def test_an_answered_query_is_not_leased_again(labeler: RunningLabeler) -> None:
    """Neither to who answered it nor to somebody else."""
    teacher = labeler.as_role(Role.TEACHER)
    await _answer(labeler, teacher, "a")
    assert await lease(teacher) == []
    assert await lease(await labeler.new_labeler()) == []


async def test_undo_adds_a_version(labeler: RunningLabeler) -> None:
    """The log keeps both; the counts have the newest."""
    teacher = labeler.as_role(Role.TEACHER)
    await _answer(labeler, teacher, "a")
    record = (await _revise(teacher, "a", 2, RIGHT)).record
    assert (record.cursor, record.version, record.preference, record.answer_id) == (2, 2, RIGHT, "a")
    assert [row.preference for row in await labeler.log()] == [LEFT, RIGHT]
    stats = await labeler.stats()
    assert (stats.num_left, stats.num_right, stats.num_answered) == (0, 1, 1)


async def test_only_own_answers_change(labeler: RunningLabeler) -> None:
    """Somebody else's answer is as if it were not there."""
    await _answer(labeler, labeler.as_role(Role.TEACHER), "a")
    other = await labeler.new_labeler()
    assert isinstance(await refused(_revise(other, "a", 2, RIGHT)), NotFoundError)


async def test_versions_follow_each_other(labeler: RunningLabeler) -> None:
    """A gap, the first version, and another answer under a used version are refused."""
    teacher = labeler.as_role(Role.TEACHER)
    await _answer(labeler, teacher, "a")
    await _revise(teacher, "a", 2, RIGHT)
    assert isinstance(await refused(_revise(teacher, "a", 4, LEFT)), InvalidInputError)
    assert isinstance(await refused(_revise(teacher, "a", 1, LEFT)), InvalidInputError)
    assert isinstance(await refused(_revise(teacher, "a", 2, LEFT)), AlreadyExistsError)


async def test_only_the_newest_ten_answers_change(labeler: RunningLabeler) -> None:
    """The eleventh back is settled."""
    teacher = labeler.as_role(Role.TEACHER)
    await _answer(labeler, teacher, *(f"a{i}" for i in range(11)))
    assert isinstance(await refused(_revise(teacher, "a0", 2, RIGHT)), FailedPreconditionError)
    await _revise(teacher, "a1", 2, RIGHT)


@pytest.mark.parametrize(
    ("field", "value"),
    [("answer_id", ""), ("answer_id", "a/b"), ("preference", 0), ("preference", 9), ("response_ms", -1)],
)
async def test_malformed_answers_are_refused(labeler: RunningLabeler, field: str, value: Any) -> None:
    """The error names the field; the lease can still be answered."""
    await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    request = pb.SubmitPreferenceRequest(lease_token=held.lease_token, answer_id="a1", preference=LEFT)
    setattr(request, field, value)
    error = await refused(teacher.SubmitPreference(request))
    assert isinstance(error, InvalidInputError)
    assert field in str(error)
    await submit(teacher, held.lease_token, "a1")


async def test_the_log_is_followed_from_a_cursor(labeler: RunningLabeler) -> None:
    """What is there comes first, then what is added; positions have no gap."""
    teacher = labeler.as_role(Role.TEACHER)
    await _answer(labeler, teacher, "a", "b", "c")
    stream = _watch(labeler, 1)
    assert [row.cursor for row in (await stream.read()).records] == [2, 3]
    await _answer(labeler, teacher, "d")
    assert [row.cursor for row in (await stream.read()).records] == [4]
    stream.cancel()


async def test_the_log_of_many_answers_at_once_has_no_gap(labeler: RunningLabeler) -> None:
    """Forty answers of eight labelers at once take positions 1 to 40, each once."""
    await labeler.propose(*(f"p{i}" for i in range(40)))
    stubs = [await labeler.new_labeler() for _ in range(8)]

    async def work(stub: Any) -> None:
        for held in await lease(stub, count=5):
            await submit(stub, held.lease_token, f"a-{held.query.query_id}")

    await asyncio.gather(*(work(stub) for stub in stubs))
    assert [row.cursor for row in await labeler.log()] == list(range(1, 41))


async def test_a_cursor_past_the_end_is_refused(labeler: RunningLabeler) -> None:
    """Who follows another database's log is told."""
    with pytest.raises(InvalidInputError, match="cursor"), rpc.translated_errors():
        await _watch(labeler, 5).read()


async def test_an_unknown_run_has_no_log(labeler: RunningLabeler) -> None:
    """It is not an empty one."""
    request = pb.WatchPreferencesRequest(run_id="run-9")
    with pytest.raises(NotFoundError), rpc.translated_errors():
        await labeler.as_role(Role.SERVICE).WatchPreferences(request).read()


async def test_a_still_log_gives_a_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A follower can tell a quiet labeler from a dead one."""
    monkeypatch.setattr(preference_log.PreferenceLog.__init__, "__kwdefaults__", {"heartbeat_s": 0.2})
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        stream = _watch(labeler, 0)
        async with asyncio.timeout(3):
            assert list((await stream.read()).records) == []
        stream.cancel()


async def test_another_replicas_answers_are_seen(tmp_path: Path) -> None:
    """Two services over one database: what one commits, the other's followers get within a second."""
    async with running_labeler(tmp_path) as one, running_labeler(tmp_path) as two:
        await one.create_run()
        stream = _watch(two, 0)
        waiting = asyncio.create_task(lease(two.as_role(Role.TEACHER), wait_s=5))
        await asyncio.sleep(0.1)
        await one.propose("a")
        async with asyncio.timeout(4):
            (held,) = await waiting
            await submit(one.as_role(Role.TEACHER), held.lease_token, "a1")
            assert [row.answer_id for row in (await stream.read()).records] == ["a1"]
        stream.cancel()


async def test_a_follower_that_reads_nothing_holds_up_nobody(labeler: RunningLabeler) -> None:
    """Followers are served from the database; none has a queue that could grow."""
    teacher = labeler.as_role(Role.TEACHER)
    stalled = [_watch(labeler, 0) for _ in range(50)]
    async with asyncio.timeout(5):
        await _answer(labeler, teacher, "a", "b")
    for stream in stalled:
        stream.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stalled[0].read()


def test_the_wait_for_more_rows_is_short_for_few_and_bounded_for_many() -> None:
    """One, three and five hundred who follow: 4 ms, 16 ms, and a second rather than two."""
    assert [preference_log.pause_s(count) for count in (1, 3, 500)] == pytest.approx([0.004, 0.016, 1.024])


async def test_a_hundred_followers_share_their_reads(
    labeler: RunningLabeler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gets every row in order, and twenty answers cost far fewer reads than followers times answers."""
    num_reads = 0
    read_page = log_repository.read_slice

    def counted(*arguments: Any, **values: Any) -> Any:
        nonlocal num_reads
        num_reads += 1
        return read_page(*arguments, **values)

    monkeypatch.setattr(log_repository, "read_slice", counted)
    await labeler.propose(*(f"p{i}" for i in range(20)))

    async def follow() -> list[int]:
        cursors: list[int] = []
        stream = labeler.as_role(Role.SERVICE).WatchPreferences(pb.WatchPreferencesRequest(run_id=RUN_ID))
        async for response in stream:
            cursors += [record.cursor for record in response.records]
            if len(cursors) >= 20:
                stream.cancel()
                return cursors
        return cursors

    following = [asyncio.create_task(follow()) for _ in range(100)]
    await asyncio.sleep(0.3)
    teacher = labeler.as_role(Role.TEACHER)
    for _ in range(2):
        for held in await lease(teacher, count=10):
            await submit(teacher, held.lease_token, f"a-{held.query.query_id}")
    async with asyncio.timeout(20):
        assert await asyncio.gather(*following) == [list(range(1, 21))] * 100
    assert num_reads < 400
