"""What is learned from whom: exclusion that can be taken back, weights, extras."""

from __future__ import annotations

import numpy as np
import pytest

from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.preference_log import Answer, WeightChange, load_compared_segments
from services.reward.segments.layout import SegmentLayout
from services.reward.training.config import TrainerConfig
from services.reward.training.reward_learner import Student
from services.reward.training.trainer import Trainer
from somersault.domain.feedback import Preference
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.storage import ObjectStore, open_store
from tests.services.reward.doubles import SPEC, make_segment, place_of, store_segment

_CONFIG = TrainerConfig(first_round_steps=40, round_steps=40, minibatch_size=16, stride=2)
_NUM_LEVELS = 8


@pytest.fixture
def store() -> ObjectStore:
    """Gives a store of segments l0 to l7, each at its own level."""
    store = open_store("memory://")
    for level in range(_NUM_LEVELS):
        store_segment(store, make_segment(f"l{level}", level / 4))
    return store


def _student(store: ObjectStore) -> tuple[Student, Comparisons]:
    layout = SegmentLayout(SPEC)
    comparisons = Comparisons(layout, capacity=100)
    ensemble = RewardEnsemble(RewardModelConfig.for_task(SPEC, hidden_size=16), seed=1)
    student = Student(
        trainer=Trainer(ensemble, _CONFIG, seed=1),
        comparisons=comparisons,
        load=lambda answer: load_compared_segments(store, answer, layout=layout),
    )
    return student, comparisons


def _answer(cursor: int, labeler_id: str, *, is_higher_better: bool = True, is_extra: bool = False) -> Answer:
    """Compares two neighbouring levels."""
    low = cursor % (_NUM_LEVELS - 1)
    return Answer(
        cursor=cursor,
        query_id=f"q{cursor}",
        answer_id=f"a{cursor}",
        version=1,
        preference=Preference.RIGHT if is_higher_better else Preference.LEFT,
        left=place_of(f"l{low}"),
        right=place_of(f"l{low + 1}"),
        labeler_id=labeler_id,
        is_extra=is_extra,
    )


def _opposed(num: int) -> list[Answer]:
    """Gives answers of ada (higher is better) and bob (lower is better) to the same pairs, in turns."""
    pairs = range(1, num + 1)
    ada = [_answer(cursor, "ada") for cursor in pairs]
    return ada + [_answer(num + cursor, "bob", is_higher_better=False) for cursor in pairs]


def _slope(student: Student) -> float:
    """Gives how much better the highest level is predicted than the lowest, mean over members."""
    levels = np.array([0, (_NUM_LEVELS - 1) / 4], np.float32)
    observations = np.repeat(levels[:, None], 2, axis=1)
    predicted = student.published.ensemble.predict(observations, np.zeros((2, 1), np.float32))
    return float((predicted[:, 1] - predicted[:, 0]).mean())


def test_after_an_exclusion_exactly_the_others_comparisons_are_learned(store: ObjectStore) -> None:
    """Those of odd positions are bob's; without him the model turns to what ada says."""
    student, comparisons = _student(store)
    rows = [_answer(n, "bob" if n % 2 else "ada", is_higher_better=n % 2 == 0) for n in range(1, 29)]
    student.learn(rows)
    assert len(comparisons.all().rows) == 28
    version = student.learn([WeightChange(cursor=29, labeler_id="bob", weight=0)])
    np.testing.assert_array_equal(comparisons.all().sequences, np.arange(1, 28, 2))
    drawn = comparisons.draw(np.random.default_rng(0), size=500)
    assert set(drawn.sequences.tolist()) == set(range(1, 28, 2))
    assert (version.version, version.cursor, version.num_comparisons) == (2, 29, 14)
    assert _slope(student) > 0.3


def test_what_an_excluded_labeler_answers_later_is_not_learned_either(store: ObjectStore) -> None:
    """Nor does it test the ensemble."""
    student, comparisons = _student(store)
    student.learn([_answer(1, "ada"), WeightChange(cursor=2, labeler_id="bob", weight=0)])
    student.learn([_answer(3, "bob"), _answer(4, "ada")])
    np.testing.assert_array_equal(comparisons.all().sequences, [0, 2])
    assert student.num_agreement == 2


def test_taking_a_labeler_back_brings_its_answers_back(store: ObjectStore) -> None:
    """Those given meanwhile too."""
    student, comparisons = _student(store)
    student.learn([_answer(1, "bob"), _answer(2, "ada"), _answer(3, "bob")])
    student.learn([WeightChange(cursor=4, labeler_id="bob", weight=0), _answer(5, "bob")])
    assert len(comparisons.all().rows) == 1
    version = student.learn([WeightChange(cursor=6, labeler_id="bob", weight=1)])
    np.testing.assert_array_equal(comparisons.all().sequences, [0, 1, 2, 3])
    np.testing.assert_array_equal(comparisons.all().weights, np.ones(4))
    assert version.num_comparisons == 4


def test_the_weights_decide_between_two_who_contradict_each_other(store: ObjectStore) -> None:
    """Ada says that higher is better, bob the opposite, about the same pairs."""
    student, comparisons = _student(store)
    student.learn(_opposed(21))
    student.learn([WeightChange(cursor=50, labeler_id="bob", weight=0.125)])
    assert _slope(student) > 0.3
    assert set(comparisons.all().weights.tolist()) == {0.125, 1.0}
    student.learn(
        [
            WeightChange(cursor=51, labeler_id="ada", weight=0.125),
            WeightChange(cursor=52, labeler_id="bob", weight=1),
        ]
    )
    assert _slope(student) < -0.3


def test_the_newest_of_several_changes_holds(store: ObjectStore) -> None:
    """In whatever order they are handed over: their positions decide."""
    student, comparisons = _student(store)
    student.learn([_answer(1, "ada"), _answer(2, "bob")])
    student.learn(
        [
            WeightChange(cursor=4, labeler_id="bob", weight=0.5),
            WeightChange(cursor=3, labeler_id="bob", weight=0),
        ]
    )
    np.testing.assert_array_equal(comparisons.all().weights, [1.0, 0.5])


def test_without_anybody_left_nothing_is_known(store: ObjectStore) -> None:
    """The model is that of the first day, bit for bit, and the service goes on."""
    student, comparisons = _student(store)
    first = student.published.weights
    student.learn([_answer(n, "bob") for n in range(1, 15)])
    assert student.published.weights != first
    version = student.learn([WeightChange(cursor=15, labeler_id="bob", weight=0)])
    assert student.published.weights == first
    assert (version.version, version.num_comparisons, len(comparisons.all().rows)) == (2, 0, 0)
    assert student.learn([_answer(16, "ada")]).num_comparisons == 1


def test_extras_are_never_learned(store: ObjectStore) -> None:
    """Neither late answers nor gold, whatever their labeler weighs."""
    student, comparisons = _student(store)
    student.learn([_answer(1, "ada", is_extra=True), WeightChange(cursor=2, labeler_id="ada", weight=2)])
    student.learn([_answer(3, "ada"), _answer(4, "ada", is_extra=True)])
    np.testing.assert_array_equal(comparisons.all().sequences, [0])
    assert student.num_agreement == 1


def test_a_restored_student_leaves_out_whom_the_log_excludes(store: ObjectStore) -> None:
    """From a checkpoint and the log it goes on bit for bit."""
    rows = [*_opposed(7), WeightChange(cursor=15, labeler_id="bob", weight=0)]
    student, comparisons = _student(store)
    student.learn(rows)
    kept = student.checkpoint()
    restored, known = _student(store)
    restored.restore(kept)
    for row in rows:
        restored.remember(row)
    np.testing.assert_array_equal(known.all().sequences, comparisons.all().sequences)
    later = [_answer(16, "ada"), WeightChange(cursor=17, labeler_id="bob", weight=0.5)]
    assert student.learn(later).weights == restored.learn(later).weights


def test_answers_whose_segments_are_gone_are_counted(store: ObjectStore) -> None:
    """Each once, however often it is met; the others are learned."""
    student, comparisons = _student(store)
    store.delete(place_of("l2").segment_uri)
    answers = [_answer(cursor, "ada") for cursor in range(1, 5)]
    student.learn(answers)
    student.remember(answers[0])
    assert student.num_lost == 2
    assert len(comparisons) == 2
