"""Fifty kills of the labeler, at its failpoints and at any time, in lives of a fraction of a second each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from somersault.v1 import labeler_pb2 as pb
from tests.faults.faults import Fault
from tests.faults.labeler_stage import LabelerStage, Setting
from tests.faults.labelers import Journal, problems_of

NUM_KILLS = 50
POINTS = (
    "labeler.commit.before",
    "labeler.commit.after",
    "labeler.answer.reply",
    "labeler.queries.reply",
    "",
)


def _faults(generator: random.Random) -> Iterator[Fault]:
    for number in range(NUM_KILLS):
        point = POINTS[number % len(POINTS)]
        detail = f"{point}=kill@{generator.randint(1, 9)}" if point else ""
        yield Fault(
            kind="kill", target="labeler-0", after_s=0, for_s=generator.uniform(0.05, 0.3), detail=detail
        )


@pytest.mark.timeout(240)
async def test_fifty_kills_lose_and_double_nothing(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Whatever the moment: what a labeler was told is in the log as it was told, once."""
    stage = LabelerStage(Setting(), tmp_path, seed=12)
    outcome = await stage.play(tuple(_faults(random.Random(12))))
    record_property("outcome", outcome.as_row())
    assert outcome.problems == []
    assert outcome.num_kills >= NUM_KILLS
    assert outcome.num_answers > NUM_KILLS
    assert stage.journal.refused["UNAVAILABLE"] > NUM_KILLS / 2, "the kills hit nobody"


def test_a_wrong_log_is_told() -> None:
    """The judge itself: each way to lose or double an answer is named."""
    record = pb.SubmitPreferenceResponse().record
    journal = Journal(sent={"a", "b"})
    for name, cursor in (("a", 1), ("b", 2)):
        journal.acknowledged[name] = type(record)(
            answer_id=name, query_id=f"q{name}", cursor=cursor, version=1
        )
    a, b = journal.acknowledged.values()
    changed = type(record)(answer_id="b", query_id="qb", cursor=2, version=1, labeler_id="another")
    foreign = type(record)(answer_id="c", query_id="qc", cursor=3, version=1)
    twice = type(record)(answer_id="b", query_id="qa", cursor=2, version=1)
    assert problems_of(journal, [a, b]) == []
    assert [text[2:] for text in problems_of(journal, [a])] == ["acknowledged answers lost, such as b"]
    for log, told in (
        ([a, changed], "changed"),
        ([a, b, foreign], "nobody gave"),
        ([a, b, b], "doubled"),
        ([a, twice], "too many"),
        ([b], "gaps"),
    ):
        assert any(told in text for text in problems_of(journal, log)), told
