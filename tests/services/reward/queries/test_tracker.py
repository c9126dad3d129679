"""The account of queries: what is open, what lacks answers, and in which order answers are learned."""

from __future__ import annotations

import itertools

from services.reward.feedback.preference_log import Answer, WeightChange
from services.reward.queries.tracker import Ledger
from somersault.domain.feedback import Preference
from somersault.domain.trajectory import StoredSegment


def _answer(
    cursor: int, *, query: str = "q", labeler: str = "one", version: int = 1, fills: bool = True
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
        fills_query=fills,
    )


def test_a_query_is_answered_by_its_first_answer_and_filled_by_its_last() -> None:
    """Each is counted once, whatever is revised in between."""
    ledger = Ledger()
    ledger.ask(["q"])
    counts = []
    for row in (
        _answer(1, labeler="one", fills=False),
        _answer(2, labeler="one", version=2, fills=False),
        _answer(3, labeler="two"),
        _answer(4, labeler="two", version=2),
    ):
        ledger.take(row)
        counts.append((ledger.num_open, ledger.num_unfilled, ledger.num_answered, ledger.num_asked))
    assert counts == [(0, 1, 1, 1), (0, 1, 1, 1), (0, 0, 1, 1), (0, 0, 1, 1)]


def test_what_was_filled_before_it_is_known_as_asked_is_not_waited_for() -> None:
    """The log may be quicker than the reply to the proposal."""
    ledger = Ledger()
    ledger.take(_answer(1, query="full"))
    ledger.take(_answer(2, query="half", fills=False))
    ledger.ask(["full", "half", "none"])
    assert (ledger.surplus(0), ledger.num_unfilled) == (["none"], 2)


def test_a_query_that_the_labeler_holds_no_more_is_not_waited_for() -> None:
    """Neither for its first answer nor for further ones."""
    ledger = Ledger()
    ledger.ask(["half", "none"])
    ledger.take(_answer(1, query="half", fills=False))
    assert ledger.drop(["half", "none"]) == 1
    assert (ledger.num_open, ledger.num_unfilled) == (0, 0)


def test_a_query_that_somebody_skipped_leaves_room_for_another_until_it_is_answered() -> None:
    """It is neither waited for nor counted, and stays open; one that is answered can't be skipped."""
    ledger = Ledger()
    ledger.ask(["skipped", "other", "answered"])
    ledger.take(_answer(1, query="answered"))
    assert ledger.skip(["skipped", "answered"]) == 1
    assert ledger.skip(["skipped"]) == 0
    assert (ledger.num_open, ledger.num_ready, ledger.num_unfilled, ledger.num_asked) == (2, 1, 1, 2)
    ledger.take(_answer(2, query="skipped"))
    assert (ledger.num_open, ledger.num_ready, ledger.num_unfilled, ledger.num_asked) == (1, 1, 1, 3)


def test_what_is_too_many_for_a_budget_are_the_queries_asked_last() -> None:
    """Those skipped count only once the budget is used up."""
    ledger = Ledger()
    ledger.ask(["a", "b", "c", "d"])
    ledger.skip(["a"])
    ledger.take(_answer(1, query="b"))
    assert ledger.surplus(3) == []
    assert ledger.surplus(2) == ["d"]
    assert ledger.surplus(1) == ["a", "c", "d"]


def test_the_order_of_learning_is_not_that_of_answering() -> None:
    """Of two labelers and two queries: by segments, then labeler, then version; changes of weight last."""
    rows = [("p", "one", 1), ("p", "two", 1), ("q", "one", 1), ("q", "two", 1), ("q", "two", 2)]
    learned = set()
    for order in itertools.permutations(rows[:4]):
        ledger = Ledger()
        ledger.take(WeightChange(cursor=1, labeler_id="one", weight=0.5))
        for cursor, (query, labeler, version) in enumerate([*order, rows[4]], 2):
            ledger.take(_answer(cursor, query=query, labeler=labeler, version=version))
        *answers, change = ledger.to_learn_in_fixed_order()
        assert isinstance(change, WeightChange)
        learned.add(
            tuple((row.query_id, row.labeler_id, row.version) for row in answers if isinstance(row, Answer))
        )
    assert learned == {tuple(rows)}


def test_given_answers_are_learned_first_whatever_their_segments_are_called() -> None:
    """They are the first of the log, so that the order is the same in every run that was given them."""
    for names in (("a-given", "z-own"), ("z-given", "a-own")):
        ledger = Ledger(num_given=1)
        ledger.take(_answer(1, query=names[0]))
        ledger.take(_answer(2, query=names[1]))
        ledger.take(_answer(3, query=names[0], version=2))
        rows = [row for row in ledger.to_learn_in_fixed_order() if isinstance(row, Answer)]
        assert [(row.query_id, row.version, row.is_given) for row in rows] == [
            (names[0], 1, True),
            (names[0], 2, True),
            (names[1], 1, False),
        ]
