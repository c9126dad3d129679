"""What is learned from whom: exclusion that can be taken back, weights, extras."""

from __future__ import annotations

import dataclasses
import weakref
from typing import Any, cast

import numpy as np
import pytest

from services.reward.feedback.compared_segments import ComparedSegments, load_compared_segments
from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.preference_log import Answer, WeightChange
from services.reward.feedback.training_set import TrainingSet
from services.reward.segments.layout import SegmentLayout
from services.reward.training import reward_learner
from services.reward.training.checkpoints import CheckpointStore
from services.reward.training.config import TrainerConfig
from services.reward.training.reward_learner import RewardLearner
from services.reward.training.trainer import Trainer
from somersault.domain.arrays import ActionArray, FrameArray
from somersault.domain.feedback import Preference
from somersault.errors import UnavailableError
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.storage import ObjectStore, open_store
from tests.services.reward.doubles import SPEC, make_segment, place_of, store_segment

_CONFIG = TrainerConfig(first_round_steps=40, round_steps=40, minibatch_size=16, stride=2)
_NUM_LEVELS = 8


@pytest.fixture
def store() -> ObjectStore:
    """Return a store of segments l0 to l7, each at its own level."""
    store = open_store("memory://")
    for level in range(_NUM_LEVELS):
        store_segment(store, make_segment(f"l{level}", level / 4))
    return store


def _learner(store: ObjectStore) -> tuple[RewardLearner, Comparisons]:
    layout = SegmentLayout(SPEC)
    comparisons = Comparisons(layout, capacity=100)
    ensemble = RewardEnsemble(RewardModelConfig.for_task(SPEC, hidden_size=16), seed=1)
    learner = RewardLearner(
        trainer=Trainer(ensemble, _CONFIG, seed=1),
        training_set=TrainingSet(
            comparisons, load=lambda answer: load_compared_segments(store, answer, layout=layout)
        ),
        checkpoints=CheckpointStore(store, run_id="r"),
    )
    return learner, comparisons


def _answer(cursor: int, labeler_id: str, *, is_higher_better: bool = True, is_extra: bool = False) -> Answer:
    """Compare two neighbouring levels."""
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
    """Return answers of ada (higher is better) and bob (lower is better) to the same pairs."""
    pairs = range(1, num + 1)
    ada = [_answer(cursor, "ada") for cursor in pairs]
    return ada + [_answer(num + cursor, "bob", is_higher_better=False) for cursor in pairs]


def _slope(learner: RewardLearner) -> float:
    """Return how much better than the lowest the highest level is predicted to be, mean over members."""
    levels = np.array([0, (_NUM_LEVELS - 1) / 4], np.float32)
    observations = np.repeat(levels[:, None], 2, axis=1)
    predicted = learner.published.version.ensemble.predict(observations, np.zeros((2, 1), np.float32))
    return float((predicted[:, 1] - predicted[:, 0]).mean())


async def test_after_an_exclusion_exactly_the_others_comparisons_are_learned(store: ObjectStore) -> None:
    """Every second one is bob's; without him the model turns to what ada says."""
    learner, comparisons = _learner(store)
    rows = [_answer(n, "bob" if n % 2 else "ada", is_higher_better=n % 2 == 0) for n in range(1, 29)]
    await learner.learn(rows)
    assert len(comparisons.all().rows) == 28
    version = await learner.learn([WeightChange(cursor=29, labeler_id="bob", weight=0)])
    np.testing.assert_array_equal(comparisons.all().sequences, np.arange(1, 28, 2))
    drawn = comparisons.draw(np.random.default_rng(0), size=500)
    assert set(drawn.sequences.tolist()) == set(range(1, 28, 2))
    assert (version.number, version.cursor, version.num_comparisons) == (2, 29, 14)
    assert _slope(learner) > 0.3


async def test_what_an_excluded_labeler_answers_later_is_not_learned_either(store: ObjectStore) -> None:
    """Nor does it test the ensemble."""
    learner, comparisons = _learner(store)
    await learner.learn([_answer(1, "ada"), WeightChange(cursor=2, labeler_id="bob", weight=0)])
    await learner.learn([_answer(3, "bob"), _answer(4, "ada")])
    np.testing.assert_array_equal(comparisons.all().sequences, [0, 2])
    assert learner.num_accuracy_preferences == 2


async def test_taking_a_labeler_back_brings_its_answers_back(store: ObjectStore) -> None:
    """Those given meanwhile too."""
    learner, comparisons = _learner(store)
    await learner.learn([_answer(1, "bob"), _answer(2, "ada"), _answer(3, "bob")])
    await learner.learn([WeightChange(cursor=4, labeler_id="bob", weight=0), _answer(5, "bob")])
    assert len(comparisons.all().rows) == 1
    version = await learner.learn([WeightChange(cursor=6, labeler_id="bob", weight=1)])
    np.testing.assert_array_equal(comparisons.all().sequences, [0, 1, 2, 3])
    np.testing.assert_array_equal(comparisons.all().weights, np.ones(4))
    assert version.num_comparisons == 4


async def test_the_weights_decide_between_two_who_contradict_each_other(store: ObjectStore) -> None:
    """Ada says that higher is better, bob the opposite, about the same pairs."""
    learner, comparisons = _learner(store)
    await learner.learn(_opposed(21))
    await learner.learn([WeightChange(cursor=50, labeler_id="bob", weight=0.125)])
    assert _slope(learner) > 0.3
    assert set(comparisons.all().weights.tolist()) == {0.125, 1.0}
    await learner.learn(
        [
            WeightChange(cursor=51, labeler_id="ada", weight=0.125),
            WeightChange(cursor=52, labeler_id="bob", weight=1),
        ]
    )
    assert _slope(learner) < -0.3


async def test_the_newest_of_several_changes_holds(store: ObjectStore) -> None:
    """In whatever order they are handed over: the order of the log decides."""
    learner, comparisons = _learner(store)
    await learner.learn([_answer(1, "ada"), _answer(2, "bob")])
    await learner.learn(
        [
            WeightChange(cursor=4, labeler_id="bob", weight=0.5),
            WeightChange(cursor=3, labeler_id="bob", weight=0),
        ]
    )
    np.testing.assert_array_equal(comparisons.all().weights, [1.0, 0.5])


async def test_without_any_labeler_left_nothing_is_known(store: ObjectStore) -> None:
    """The model is the initial one, bit for bit, and the service goes on."""
    learner, comparisons = _learner(store)
    first = learner.published.version.weights
    await learner.learn([_answer(n, "bob") for n in range(1, 15)])
    assert learner.published.version.weights != first
    version = await learner.learn([WeightChange(cursor=15, labeler_id="bob", weight=0)])
    assert learner.published.version.weights == first
    assert (version.number, version.num_comparisons, len(comparisons.all().rows)) == (2, 0, 0)
    assert (await learner.learn([_answer(16, "ada")])).num_comparisons == 1


async def test_extras_are_never_learned(store: ObjectStore) -> None:
    """Neither late answers nor gold, whatever their labeler weighs."""
    learner, comparisons = _learner(store)
    await learner.learn(
        [_answer(1, "ada", is_extra=True), WeightChange(cursor=2, labeler_id="ada", weight=2)]
    )
    await learner.learn([_answer(3, "ada"), _answer(4, "ada", is_extra=True)])
    np.testing.assert_array_equal(comparisons.all().sequences, [0])
    assert learner.num_accuracy_preferences == 1


async def test_a_restored_learner_leaves_out_whom_the_log_excludes(store: ObjectStore) -> None:
    """From a checkpoint and the log it goes on bit for bit."""
    rows = [*_opposed(7), WeightChange(cursor=15, labeler_id="bob", weight=0)]
    learner, comparisons = _learner(store)
    await learner.learn(rows)
    restored, known = _learner(store)
    await restored.restore()
    for row in rows:
        await restored.restore_row(row)
    np.testing.assert_array_equal(known.all().sequences, comparisons.all().sequences)
    later = [_answer(16, "ada"), WeightChange(cursor=17, labeler_id="bob", weight=0.5)]
    assert (await learner.learn(later)).weights == (await restored.learn(later)).weights


async def test_answers_whose_segments_are_gone_are_counted(store: ObjectStore) -> None:
    """Each once, however often it is met; the others are learned."""
    learner, comparisons = _learner(store)
    store.delete(place_of("l2").segment_uri)
    answers = [_answer(cursor, "ada") for cursor in range(1, 5)]
    await learner.learn(answers)
    await learner.restore_row(answers[0])
    assert learner.num_lost == 2
    assert len(comparisons) == 2


async def test_many_answers_at_once_hold_few_segments_in_memory(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are learned in one round: besides the comparisons, which are bounded, those of one part of them.

    And what is learned is the same, bit for bit, even if the store is away in the middle.
    """
    layout = SegmentLayout(SPEC)
    rows = [*_opposed(40), WeightChange(cursor=81, labeler_id="bob", weight=0.5)]
    expected = await _learner(store)[0].learn(rows)
    alive: weakref.WeakSet[ComparedSegments] = weakref.WeakSet()
    most, num_loads = 0, 0

    @dataclasses.dataclass(frozen=True)
    class Watched:
        observations: FrameArray
        actions: ActionArray

        __hash__ = object.__hash__

    def load(answer: Answer) -> ComparedSegments:
        nonlocal most, num_loads
        num_loads += 1
        if num_loads == 29:
            raise UnavailableError("away")
        loaded = load_compared_segments(store, answer, layout=layout)
        watched: Any = Watched(loaded.observations, loaded.actions)
        alive.add(watched)
        most = max(most, len(alive))
        return cast("ComparedSegments", watched)

    monkeypatch.setattr(reward_learner, "_LOADED_BYTES", 6 * 2 * layout.segment_bytes)
    learner = RewardLearner(
        trainer=Trainer(
            RewardEnsemble(RewardModelConfig.for_task(SPEC, hidden_size=16), seed=1), _CONFIG, seed=1
        ),
        training_set=TrainingSet(Comparisons(layout, capacity=100), load=load),
        checkpoints=CheckpointStore(store, run_id="other"),
    )
    version = await learner.learn(rows)
    assert most <= 2 * 6
    assert num_loads > 80
    assert version.weights == expected.weights
    assert version.num_comparisons == expected.num_comparisons == 80


async def test_an_answer_whose_key_no_store_can_have_is_lost_and_the_others_are_learned(
    store: ObjectStore,
) -> None:
    """As an older labeler may have taken it."""
    learner, _ = _learner(store)
    odd = dataclasses.replace(
        _answer(1, "ada"), left=dataclasses.replace(place_of("l1"), segment_uri="x" * 513)
    )
    version = await learner.learn([odd, _answer(2, "ada")])
    assert (version.num_comparisons, learner.num_lost) == (1, 1)
