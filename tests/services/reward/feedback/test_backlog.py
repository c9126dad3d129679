"""Rows that are still to be learned, and the order in which they are."""

from __future__ import annotations

import itertools

from services.reward.feedback.backlog import Backlog
from services.reward.feedback.preference_log import Answer, WeightChange
from somersault.domain.feedback import Preference
from somersault.domain.trajectory import StoredSegment


def _answer(
    cursor: int, *, query: str = "q", labeler: str = "one", version: int = 1, is_given: bool = False
) -> Answer:
    sides = [
        StoredSegment(segment_id=f"{query}-{side}", segment_uri="u", sealed_uri="", duration_s=1.0)
        for side in "ab"
    ]
    return Answer(
        cursor=cursor,
        query_id=query,
        answer_id=f"{query}-{labeler}",
        version=version,
        preference=Preference.LEFT,
        left=sides[0],
        right=sides[1],
        labeler_id=labeler,
        is_extra=False,
        is_given=is_given,
    )


def test_the_order_of_learning_is_not_that_of_answering() -> None:
    """Of two labelers and two queries: by segments, then labeler, then version; changes of weight last."""
    rows = [("p", "one", 1), ("p", "two", 1), ("q", "one", 1), ("q", "two", 1), ("q", "two", 2)]
    learned = set()
    for order in itertools.permutations(rows[:4]):
        backlog = Backlog()
        backlog.add(WeightChange(cursor=1, labeler_id="one", weight=0.5))
        for cursor, (query, labeler, version) in enumerate([*order, rows[4]], 2):
            backlog.add(_answer(cursor, query=query, labeler=labeler, version=version))
        *answers, change = backlog.rows_in_fixed_order()
        assert isinstance(change, WeightChange)
        learned.add(
            tuple((row.query_id, row.labeler_id, row.version) for row in answers if isinstance(row, Answer))
        )
    assert learned == {tuple(rows)}


def test_given_answers_are_learned_first_whatever_their_segments_are_called() -> None:
    """So that the order is the same in every run that was given them."""
    for names in (("a-given", "z-own"), ("z-given", "a-own")):
        backlog = Backlog()
        backlog.add(_answer(1, query=names[0], is_given=True))
        backlog.add(_answer(2, query=names[1]))
        backlog.add(_answer(3, query=names[0], version=2, is_given=True))
        rows = [row for row in backlog.rows_in_fixed_order() if isinstance(row, Answer)]
        assert [(row.query_id, row.version) for row in rows] == [(names[0], 1), (names[0], 2), (names[1], 1)]


def test_rows_that_are_learned_leave_the_others() -> None:
    """Those that came during the round of training wait for the next."""
    backlog = Backlog()
    backlog.add(_answer(1, query="p"))
    learned = backlog.rows()
    backlog.add(_answer(2, query="q"))
    backlog.remove(learned)
    assert [row.cursor for row in backlog.rows()] == [2]
