"""The account of queries: which are open, which lack answers, which count against the budget."""

from __future__ import annotations

from services.reward.feedback.preference_log import Answer
from services.reward.queries.tracker import QueryTracker
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
    tracker = QueryTracker()
    tracker.ask(["q"])
    counts = []
    for row in (
        _answer(1, labeler="one", fills=False),
        _answer(2, labeler="one", version=2, fills=False),
        _answer(3, labeler="two"),
        _answer(4, labeler="two", version=2),
    ):
        tracker.note_answer(row)
        counts.append((tracker.num_open, tracker.num_unfilled, tracker.num_answered, tracker.num_asked))
    assert counts == [(0, 1, 1, 1), (0, 1, 1, 1), (0, 0, 1, 1), (0, 0, 1, 1)]


def test_a_query_that_is_filled_before_it_counts_as_asked_is_not_waited_for() -> None:
    """The log may be quicker than the reply to the proposal."""
    tracker = QueryTracker()
    tracker.note_answer(_answer(1, query="full"))
    tracker.note_answer(_answer(2, query="half", fills=False))
    tracker.ask(["full", "half", "none"])
    assert (tracker.surplus(0), tracker.num_unfilled) == (["none"], 2)


def test_a_query_that_the_labeler_no_longer_holds_is_not_waited_for() -> None:
    """Neither for its first answer nor for further ones."""
    tracker = QueryTracker()
    tracker.ask(["half", "none"])
    tracker.note_answer(_answer(1, query="half", fills=False))
    assert tracker.drop(["half", "none"]) == 1
    assert (tracker.num_open, tracker.num_unfilled) == (0, 0)


def test_a_skipped_query_leaves_room_for_another_until_it_is_answered() -> None:
    """It is neither waited for nor counted, and stays open; one that is answered can't be skipped."""
    tracker = QueryTracker()
    tracker.ask(["skipped", "other", "answered"])
    tracker.note_answer(_answer(1, query="answered"))
    assert tracker.skip(["skipped", "answered"]) == 1
    assert tracker.skip(["skipped"]) == 0
    assert (tracker.num_open, tracker.num_ready, tracker.num_unfilled, tracker.num_asked) == (2, 1, 1, 2)
    tracker.note_answer(_answer(2, query="skipped"))
    assert (tracker.num_open, tracker.num_ready, tracker.num_unfilled, tracker.num_asked) == (1, 1, 1, 3)


def test_the_queries_asked_last_exceed_a_budget() -> None:
    """Those skipped count only once the budget is used up."""
    tracker = QueryTracker()
    tracker.ask(["a", "b", "c", "d"])
    tracker.skip(["a"])
    tracker.note_answer(_answer(1, query="b"))
    assert tracker.surplus(3) == []
    assert tracker.surplus(2) == ["d"]
    assert tracker.surplus(1) == ["a", "c", "d"]


def test_given_queries_are_the_first_of_the_log() -> None:
    """Of three queries the first two that are answered were given, whatever they are called; revisions don't count."""
    tracker = QueryTracker(num_given=2)
    for cursor, (query, version) in enumerate([("z", 1), ("z", 2), ("a", 1), ("m", 1)], 1):
        tracker.note_answer(_answer(cursor, query=query, version=version))
    assert [tracker.is_given(query) for query in ("z", "a", "m")] == [True, True, False]
