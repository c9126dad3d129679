"""Gold that is given back unanswered comes back to its labeler, in its place, and counts once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.labeler.queries import gold_repository
from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.judging import LEFT, RIGHT, answer_first_segment, labeler_with_clips, update_run
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, submit


@pytest.fixture(autouse=True)
def one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every draw 0: where gold may be made, it is, unanimous and with its sides as they were."""
    monkeypatch.setattr(gold_repository, "draw", lambda _: 0)


async def _make_unanimous(labeler: RunningLabeler, count: int) -> None:
    for number in range(2):
        teacher = await labeler.new_labeler()
        for query in range(count):
            await answer_first_segment(teacher, f"t{number}-{query}")


async def _give_back(stub: Any, held: Any, *, is_returned: bool = True) -> None:
    await stub.ReleaseQuery(pb.ReleaseQueryRequest(lease_token=held.lease_token, is_returned=is_returned))


async def _quality(labeler: RunningLabeler) -> Any:
    request = pb.GetLabelerQualityRequest(run_id=RUN_ID, labeler_id="labeler")
    (found,) = (await labeler.as_role(Role.OWNER).GetLabelerQuality(request)).labelers
    return found


async def test_returned_gold_comes_back_until_it_is_answered(tmp_path: Path) -> None:
    """Nobody is rid of it by giving it back; once answered, the next pair comes."""
    async with labeler_with_clips(tmp_path, "a", "b", target_answers=2, gold_interval=1) as labeler:
        await _make_unanimous(labeler, 1)
        person = labeler.as_role(Role.LABELER)
        (first,) = await lease(person)
        held = first
        for _ in range(3):
            await _give_back(person, held)
            (held,) = await lease(person)
            assert held.query.query_id == first.query.query_id
        await submit(person, held.lease_token, "g1", LEFT)
        (other,) = await lease(person)

        assert held.query.left.segment_id.startswith("a-")
        assert other.query.left.segment_id.startswith("b-")
        assert (await _quality(labeler)).gold_accuracy.num == 1


async def test_gold_whose_lease_ended_comes_back(tmp_path: Path) -> None:
    """Waiting is no way round it either."""
    async with labeler_with_clips(tmp_path, "a", "b", target_answers=2, gold_interval=1) as labeler:
        await _make_unanimous(labeler, 1)
        person = labeler.as_role(Role.LABELER)
        (first,) = await lease(person, lease_s=1)
        await asyncio.sleep(1.1)
        (again,) = await lease(person)
        assert again.query.query_id == first.query.query_id


async def test_skipped_gold_stays_away_as_any_other_pair_does(tmp_path: Path) -> None:
    """And so does all gold once the owner wants none."""
    names = ("a", "b", "c")
    async with labeler_with_clips(tmp_path, *names, target_answers=2, gold_interval=1) as labeler:
        await _make_unanimous(labeler, 2)
        person = labeler.as_role(Role.LABELER)
        (skipped,) = await lease(person)
        await _give_back(person, skipped, is_returned=False)
        (other,) = await lease(person)
        await _give_back(person, other)
        await update_run(labeler, gold_interval=0)
        (real,) = await lease(person)
        assert len({one.query.query_id for one in (skipped, other, real)}) == 3
        assert real.query.left.segment_id.startswith("c-")


async def test_a_page_that_is_loaded_again_gets_its_pairs_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gold between two others is between them again: its place tells nobody what it is."""
    names = ("a", "b", "c", "d", "e")
    async with labeler_with_clips(tmp_path, *names, target_answers=2, gold_interval=3) as labeler:
        await _make_unanimous(labeler, 1)
        person = labeler.as_role(Role.LABELER)
        draws = iter([1, 0, 0, 0, 0, 1])
        monkeypatch.setattr(gold_repository, "draw", lambda _: next(draws, 1))
        held = await lease(person, count=3)
        for one in held:
            await _give_back(person, one)
        again = await lease(person, count=3)

        assert held[1].query.left.segment_id.startswith("a-")
        assert [one.query.query_id for one in again] == [one.query.query_id for one in held]


async def test_gold_answered_under_two_leases_counts_once(tmp_path: Path) -> None:
    """A late answer under the lease that was given back, and one under the new lease: one answer of the labeler's."""
    async with labeler_with_clips(tmp_path, "a", "b", target_answers=2, gold_interval=1) as labeler:
        await _make_unanimous(labeler, 1)
        person = labeler.as_role(Role.LABELER)
        (first,) = await lease(person)
        await _give_back(person, first)
        (again,) = await lease(person)
        await submit(person, first.lease_token, "late", LEFT)
        await submit(person, again.lease_token, "new", RIGHT)
        changed = pb.RevisePreferenceRequest(answer_id="new", version=2, preference=LEFT)
        await person.RevisePreference(changed)

        found = await _quality(labeler)
        stats = await person.GetStats(pb.GetStatsRequest(run_id=RUN_ID))
        assert again.query.query_id == first.query.query_id
        assert stats.num_own == 1
        assert (found.num_answers, found.gold_accuracy.num, found.left.num_true) == (1, 1, 1)

        changed = pb.RevisePreferenceRequest(answer_id="late", version=2, preference=RIGHT)
        await person.RevisePreference(changed)
        assert (await _quality(labeler)).left.num_true == 0
