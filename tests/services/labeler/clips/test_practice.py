"""Pairs to practise on are those of the run's task, for everybody; nothing of them is a query."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from services.labeler.clips.practice import Practice
from services.labeler.database import open_database
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role
from somersault.errors import NotFoundError
from somersault.runtime.urls import sqlite_url
from somersault.tasks import PracticePair, get_task
from somersault.tasks.practice import PACKAGED
from somersault.v1 import labeler_pb2 as pb
from tests.docs.documents import ROOT
from tests.services.labeler.running import RUN_ID, RunningLabeler, refused

NUMBERS = {Preference.LEFT: 1, Preference.RIGHT: 2, Preference.EQUAL: 3}


@pytest.mark.parametrize("role", list(Role))
async def test_a_tasks_pairs_are_sent_in_their_order(labeler: RunningLabeler, role: Role) -> None:
    """With both clips, the answer and why, to every role; there is no query of them."""
    request = pb.GetPracticePairsRequest(run_id=RUN_ID)
    pairs = (await labeler.as_role(role).GetPracticePairs(request)).pairs

    declared = PACKAGED["hopper-backflip"]
    assert [pair.explanation for pair in pairs] == [pair.explanation for pair in declared]
    for sent, pair in zip(pairs, declared, strict=True):
        assert sent.left_clip == Path(pair.left).read_bytes()
        assert sent.right_clip == Path(pair.right).read_bytes()
        assert sent.preference == NUMBERS[pair.preference]
    stats = await labeler.stats()
    assert (stats.num_ready, stats.num_rendering, stats.num_answered) == (0, 0, 0)


async def test_a_task_without_pairs_sends_none(labeler: RunningLabeler) -> None:
    """Though nobody knows the task; an unknown run is NOT_FOUND."""
    owner = labeler.as_role(Role.OWNER)
    await owner.CreateRun(pb.CreateRunRequest(run_id="run-2", task="nobodys-task"))
    assert not (await owner.GetPracticePairs(pb.GetPracticePairsRequest(run_id="run-2"))).pairs
    unknown = owner.GetPracticePairs(pb.GetPracticePairsRequest(run_id="run-3"))
    assert isinstance(await refused(unknown), NotFoundError)


async def test_a_task_of_ones_own_brings_its_pairs(tmp_path: Path) -> None:
    """At most four; one whose clip can't be read is left out."""
    own = get_task(str(ROOT / "examples" / "custom_task.py"))
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    names = ["missing.mp4", *["clip.mp4"] * 4]
    pairs = tuple(
        PracticePair(
            left=str(tmp_path / name),
            right=str(tmp_path / "clip.mp4"),
            preference=Preference.EQUAL,
            explanation=f"{number}.",
        )
        for number, name in enumerate(names)
    )
    database = open_database(sqlite_url(tmp_path / "labels.sqlite"))
    await database.write(lambda c: run_repository.create(c, run_id="r", task=own.name, question="?"))
    practice = Practice(database, own_task=dataclasses.replace(own, practice=pairs))

    shown = await practice.pairs("r")

    assert [pair.explanation for pair in shown] == ["1.", "2.", "3."]
    assert {pair.left for pair in shown} == {b"clip"}
    database.close()
