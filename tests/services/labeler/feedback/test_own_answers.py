"""A labeler's own answers, to look at again: complete, in order, and without telling gold from the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.labeler.queries import gold_repository
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError, NotFoundError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.judging import (
    LEFT,
    RIGHT,
    answer_first_segment,
    labeler_with_clips,
)
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, refused, submit


async def _list(stub: Any, **page: Any) -> pb.ListOwnAnswersResponse:
    reply: pb.ListOwnAnswersResponse = await stub.ListOwnAnswers(
        pb.ListOwnAnswersRequest(run_id=RUN_ID, **page)
    )
    return reply


async def test_answers_are_listed_newest_first_in_their_newest_version(labeler: RunningLabeler) -> None:
    """Each once, with the pair as it was shown; others' answers are not among them."""
    await labeler.propose("a", "b", "c")
    caller, other = labeler.as_role(Role.TEACHER), await labeler.new_labeler()
    first, second = await lease(caller, count=2)
    await submit(caller, first.lease_token, "a1", LEFT)
    await submit(caller, second.lease_token, "a2", LEFT)
    (theirs,) = await lease(other)
    await submit(other, theirs.lease_token, "a3", LEFT)
    await caller.RevisePreference(pb.RevisePreferenceRequest(answer_id="a1", version=2, preference=RIGHT))

    newest, oldest = (await _list(caller)).answers

    assert (newest.answer_id, newest.version, newest.preference) == ("a2", 1, LEFT)
    assert (oldest.answer_id, oldest.version, oldest.preference) == ("a1", 2, RIGHT)
    assert oldest.query.query_id == first.query.query_id
    assert oldest.query.left.segment_id == first.query.left.segment_id
    assert oldest.answer_time.seconds > 0


async def test_pages_follow_each_other_without_gap_or_repeat(labeler: RunningLabeler) -> None:
    """Though another answer comes meanwhile."""
    await labeler.propose(*(f"p{i}" for i in range(6)))
    caller = labeler.as_role(Role.TEACHER)
    held = await lease(caller, count=6)
    for number in range(5):
        await submit(caller, held[number].lease_token, f"a{number}")
    seen, token = [], ""
    for number in range(3):
        reply = await _list(caller, page_size=2, page_token=token)
        seen += [answer.answer_id for answer in reply.answers]
        token = reply.next_page_token
        if number == 0:
            await submit(caller, held[5].lease_token, "a5")
    assert (seen, token) == (["a4", "a3", "a2", "a1", "a0"], "")


async def test_only_the_newest_ten_can_be_revised(labeler: RunningLabeler) -> None:
    """As RevisePreference has it."""
    await labeler.propose(*(f"p{i:02}" for i in range(12)))
    caller = labeler.as_role(Role.TEACHER)
    for number in range(12):
        (held,) = await lease(caller)
        await submit(caller, held.lease_token, f"a{number}")
    answers = (await _list(caller)).answers
    assert [answer.is_revisable for answer in answers] == [True] * 10 + [False] * 2


async def test_gold_looks_like_any_other_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same fields are there, with the same values wherever these would tell; its clips are shown."""
    monkeypatch.setattr(gold_repository, "draw", lambda _: 0)
    async with labeler_with_clips(tmp_path, "a", "b", target_answers=2, gold_interval=1) as labeler:
        for number in range(2):
            await answer_first_segment(await labeler.new_labeler(), f"t{number}")
        person = labeler.as_role(Role.LABELER)
        for name in ("g1", "g2"):
            await answer_first_segment(person, name)

        plain, gilded = (await _list(person)).answers

        rows = [row async for reply in _complete(labeler) for row in reply.records]
        assert {row.answer_id for row in rows if row.is_gold} == {gilded.answer_id} == {"g1"}
        assert _shape(plain) == _shape(gilded)
        assert plain.query.state == gilded.query.state == preference_pb2.QUERY_STATE_ANSWERED
        clip = pb.GetClipRequest(query_id=gilded.query.query_id, side=LEFT)
        assert (await person.GetClip(clip)).clip


def _complete(labeler: RunningLabeler) -> Any:
    request = pb.ExportPreferencesRequest(run_id=RUN_ID, is_complete=True)
    return labeler.as_role(Role.OWNER).ExportPreferences(request)


def _shape(message: Any, prefix: str = "") -> list[str]:
    """Name the fields that are set, nested ones too."""
    names = []
    for field, value in message.ListFields():
        name = f"{prefix}{field.name}"
        names += [name] if field.message_type is None else _shape(value, f"{name}.")
    return names


async def test_objects_are_hidden_as_at_the_lease(tmp_path: Path) -> None:
    """A person is told no key of what was stored."""
    async with labeler_with_clips(tmp_path, "a") as labeler:
        person = labeler.as_role(Role.LABELER)
        await answer_first_segment(person, "a1")
        (answer,) = (await _list(person)).answers
    for side in (answer.query.left, answer.query.right):
        assert (side.segment_uri, side.sealed_uri) == ("", "")
        assert side.clip_url.startswith(f"/clips/{answer.query.query_id}/")


async def test_bounds_on_a_list(labeler: RunningLabeler) -> None:
    """Of its size, its token and its run."""
    caller = labeler.as_role(Role.TEACHER)
    for page in ({"page_size": 101}, {"page_size": -1}, {"page_token": "x"}):
        assert isinstance(await refused(_list(caller, **page)), InvalidInputError)
    unknown = caller.ListOwnAnswers(pb.ListOwnAnswersRequest(run_id="run-2"))
    assert isinstance(await refused(unknown), NotFoundError)
