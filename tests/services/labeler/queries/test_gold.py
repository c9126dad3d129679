"""Gold: pairs with a known answer, in the same look, counted for the labeler and for nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.labeler.queries import gold_repository
from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.judging import (
    LEFT,
    RIGHT,
    answer,
    answer_first_segment,
    complete_log,
    labeler_with_clips,
    update_run,
)
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, submit


async def _quality(labeler: RunningLabeler, name: str = "labeler") -> Any:
    request = pb.GetLabelerQualityRequest(run_id=RUN_ID, labeler_id=name)
    (found,) = (await labeler.as_role(Role.OWNER).GetLabelerQuality(request)).labelers
    return found


@pytest.fixture
def one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every draw 0: the first kind is tried first, the newest pair is taken, sides stay."""
    monkeypatch.setattr(gold_repository, "draw", lambda _: 0)


async def _make_unanimous(labeler: RunningLabeler, count: int) -> None:
    """Have two teachers answer the oldest queries alike."""
    for number in range(2):
        teacher = await labeler.new_labeler()
        for query in range(count):
            await answer_first_segment(teacher, f"t{number}-{query}")


async def test_a_unanimous_pair_tests_who_has_not_seen_it(tmp_path: Path, one_kind: None) -> None:
    """The person gets a pair of the teachers' under a new name, once; it counts for the labeler alone."""
    async with labeler_with_clips(tmp_path, "a", "b", target_answers=2, gold_interval=1) as labeler:
        await _make_unanimous(labeler, 1)
        person = labeler.as_role(Role.LABELER)
        held, record = await answer_first_segment(person, "g1")
        assert held.query.left.segment_id.startswith("a-")
        assert held.query.state == preference_pb2.QUERY_STATE_READY
        assert (record.is_gold, record.is_extra, record.gold_kind) == (False, False, "")
        second, _ = await answer_first_segment(person, "g2")
        assert second.query.left.segment_id.startswith("b-")
        found = await _quality(labeler)
        assert (found.gold_accuracy.num, found.gold_accuracy.num_true, found.num_answers) == (1, 1, 2)
        stats = await labeler.stats()
        assert (stats.num_answered, stats.num_left + stats.num_right) == (1, 3)


async def test_gold_is_in_the_complete_log_alone(tmp_path: Path, one_kind: None) -> None:
    """Flagged; who follows the log as before does not see it, and waits for nothing that does not come."""
    async with labeler_with_clips(tmp_path, "a", "b", target_answers=2, gold_interval=1) as labeler:
        await _make_unanimous(labeler, 1)
        await answer_first_segment(labeler.as_role(Role.LABELER), "g1")
        rows, _ = await complete_log(labeler)
        assert [(row.cursor, row.is_gold, row.is_extra) for row in rows] == [
            (1, False, False),
            (2, False, False),
            (3, True, True),
        ]
        assert [row.cursor for row in await labeler.log()] == [1, 2]
        stats = await labeler.stats()
        assert (stats.newest_cursor, stats.newest_log_cursor) == (2, 3)
        listed = await labeler.as_role(Role.OWNER).ListQueries(pb.ListQueriesRequest(run_id=RUN_ID))
        assert rows[2].query_id not in [query.query_id for query in listed.queries]


async def test_an_own_pair_comes_back_with_its_sides_swapped(
    tmp_path: Path, one_kind: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who says left both times is inconsistent; who takes it back is not."""
    monkeypatch.setattr(
        gold_repository, "_STATEMENTS", gold_repository._STATEMENTS | {"repeat": _repeats_at_once()}
    )
    async with labeler_with_clips(tmp_path, "a", "b") as labeler:
        person = labeler.as_role(Role.LABELER)
        await update_run(labeler, gold_interval=0)
        (first,) = await lease(person)
        await submit(person, first.lease_token, "a1", LEFT)
        await update_run(labeler, gold_interval=1)
        (again,) = await lease(person)
        assert again.query.query_id != first.query.query_id
        assert again.query.left.segment_id == first.query.right.segment_id
        assert again.query.right.segment_id == first.query.left.segment_id
        await submit(person, again.lease_token, "a2", LEFT)
        assert ((await _quality(labeler)).consistency.num_true) == 0
        changed = pb.RevisePreferenceRequest(answer_id="a2", version=2, preference=RIGHT)
        await person.RevisePreference(changed)
        found = (await _quality(labeler)).consistency
        assert (found.num, found.num_true) == (1, 1)
        clip = pb.GetClipRequest(query_id=again.query.query_id, side=LEFT)
        assert (await person.GetClip(clip)).clip


def _repeats_at_once() -> Any:
    fresh, gold_repository._NUM_FRESH = gold_repository._NUM_FRESH, 0
    try:
        return gold_repository._select_repeats()
    finally:
        gold_repository._NUM_FRESH = fresh


async def test_no_gold_without_anything_known(tmp_path: Path, one_kind: None) -> None:
    """A run begins with real pairs; and teachers never get gold."""
    async with labeler_with_clips(tmp_path, "a", "b", "c") as labeler:
        await update_run(labeler, gold_interval=1)
        await answer(labeler.as_role(Role.LABELER), "a1")
        await answer(labeler.as_role(Role.TEACHER), "a2")
        rows, _ = await complete_log(labeler)
        assert [row.is_gold for row in rows] == [False, False]


async def test_haste_and_side_are_counted(tmp_path: Path) -> None:
    """0.7 s is sooner than half of 1.5 s, 1.2 s is not; an answer without a time is neither."""
    async with labeler_with_clips(tmp_path, "a", "b", "c") as labeler:
        person = labeler.as_role(Role.LABELER)
        for number, response_ms in enumerate((700, 1200, 0)):
            (held,) = await lease(person)
            request = pb.SubmitPreferenceRequest(
                lease_token=held.lease_token, answer_id=f"a{number}", preference=LEFT, response_ms=response_ms
            )
            await person.SubmitPreference(request)
        found = await _quality(labeler)
        assert (found.fast.num, found.fast.num_true, found.left.num, found.left.num_true) == (2, 1, 3, 3)
        assert (found.weight, found.entropy_bits) == (1.0, 0.0)
