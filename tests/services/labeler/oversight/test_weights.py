"""Weights: an exclusion that can be taken back, and that every follower of the log hears of in order."""

from __future__ import annotations

import asyncio

import pytest

from somersault.domain.roles import Role
from somersault.errors import InvalidInputError, NotFoundError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.judging import answer, complete_log
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, refused


async def _set(
    labeler: RunningLabeler, weight: float, who: str = "teacher", run_id: str = RUN_ID
) -> pb.SetLabelerWeightResponse:
    request = pb.SetLabelerWeightRequest(run_id=run_id, labeler_id=who, weight=weight, reason="asleep")
    return await labeler.as_role(Role.OWNER).SetLabelerWeight(request)


async def test_a_change_has_its_place_in_the_log(labeler: RunningLabeler) -> None:
    """Positions 1 and 3 are answers, 2 and 4 changes; each answer has the weight of its moment."""
    await labeler.propose("a", "b")
    await answer(labeler.as_role(Role.TEACHER), "a1")
    change = (await _set(labeler, 0.5)).change
    await answer(labeler.as_role(Role.TEACHER), "a2")
    await _set(labeler, 1)
    rows, changes = await complete_log(labeler)
    assert [(row.cursor, row.weight if row.HasField("weight") else None) for row in rows] == [
        (1, None),
        (3, 0.5),
    ]
    assert [(one.cursor, one.weight, one.changed_by, one.reason) for one in changes] == [
        (2, 0.5, "owner", "asleep"),
        (4, 1.0, "owner", "asleep"),
    ]
    assert changes[0] == change


async def test_who_follows_completely_hears_of_it(labeler: RunningLabeler) -> None:
    """At once, with the position; who follows as before hears nothing and misses no answer."""
    await labeler.propose("a")
    await answer(labeler.as_role(Role.TEACHER), "a1")
    service = labeler.as_role(Role.SERVICE)
    complete = service.WatchPreferences(pb.WatchPreferencesRequest(run_id=RUN_ID, cursor=1, is_complete=True))
    plain = service.WatchPreferences(pb.WatchPreferencesRequest(run_id=RUN_ID, cursor=1))
    waiting, other = asyncio.ensure_future(complete.read()), asyncio.ensure_future(plain.read())
    await asyncio.sleep(0.1)
    await _set(labeler, 0)
    async with asyncio.timeout(5):
        heard = await waiting
    assert ([one.weight for one in heard.weight_changes], heard.cursor) == ([0.0], 2)
    assert not other.done()
    await labeler.propose("b")
    await answer(await labeler.new_labeler(), "b1")
    async with asyncio.timeout(5):
        assert [row.cursor for row in (await other).records] == [3]
    complete.cancel()
    plain.cancel()


async def test_an_excluded_labeler_gets_no_work_until_it_is_taken_back(labeler: RunningLabeler) -> None:
    """In this run alone."""
    await labeler.propose("a")
    await labeler.create_run("run-2")
    await _set(labeler, 0, run_id="run-2")
    assert len(await lease(labeler.as_role(Role.TEACHER), lease_s=1)) == 1
    await _set(labeler, 0)
    await asyncio.sleep(1.1)
    assert await lease(labeler.as_role(Role.TEACHER)) == []
    await _set(labeler, 1)
    assert len(await lease(labeler.as_role(Role.TEACHER))) == 1


async def test_the_same_weight_again_changes_nothing(labeler: RunningLabeler) -> None:
    """Neither the usual weight nor a repeated one adds a row."""
    assert not (await _set(labeler, 1)).HasField("change")
    first = (await _set(labeler, 0)).change
    assert (await _set(labeler, 0)).change == first
    assert (await labeler.stats()).newest_log_cursor == 1


@pytest.mark.parametrize(
    ("weight", "who", "run_id", "error"),
    [
        (-1, "teacher", RUN_ID, InvalidInputError),
        (11, "teacher", RUN_ID, InvalidInputError),
        (float("nan"), "teacher", RUN_ID, InvalidInputError),
        (0, "nobody", RUN_ID, NotFoundError),
        (0, "teacher", "none", NotFoundError),
    ],
)
async def test_what_can_not_be_weighed_is_refused(
    labeler: RunningLabeler, weight: float, who: str, run_id: str, error: type[Exception]
) -> None:
    """With a reason."""
    assert isinstance(await refused(_set(labeler, weight, who, run_id)), error)
