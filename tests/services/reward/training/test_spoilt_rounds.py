"""A round of training that ends in infinity, a damaged checkpoint, a store that is full: what was learned before is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
import structlog
import torch
from torch import Tensor

from services.reward.feedback.compared_segments import load_compared_segments
from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.preference_log import Answer
from services.reward.feedback.training_set import TrainingSet
from services.reward.segments.layout import SegmentLayout
from services.reward.training.checkpoints import CheckpointStore
from services.reward.training.config import TrainerConfig
from services.reward.training.losses.preference import PREFERENCE_LOSS
from services.reward.training.reward_learner import RewardLearner
from services.reward.training.trainer import Trainer
from somersault.domain.feedback import Preference
from somersault.errors import ResourceExhaustedError
from somersault.formats.checkpoint import Checkpoint
from somersault.formats.checkpoint_series import CheckpointSeries
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.storage import ObjectStore, StoredObject
from somersault.storage.memory import MemoryStore
from tests.services.reward.doubles import SPEC, make_segment, place_of, store_segment

_CONFIG = TrainerConfig(first_round_steps=10, round_steps=10, minibatch_size=8, stride=2)
_PREFIX = "r/checkpoints/reward/"


@pytest.fixture
def store() -> ObjectStore:
    """Return a store of segments l0 to l7, each at its own level."""
    store = MemoryStore()
    for level in range(8):
        store_segment(store, make_segment(f"l{level}", level / 4))
    return store


class _Spoiling:
    """A loss that is NaN while told to be, or for a target of ½."""

    def __init__(self) -> None:
        self.is_broken = False
        self.is_of_equals = False

    def losses(self, returns: Tensor, targets: Tensor) -> Tensor:
        """Return the usual losses, or NaN."""
        losses = PREFERENCE_LOSS.losses(returns, targets)
        if self.is_broken:
            return losses * torch.nan
        nothing = torch.full_like(losses, torch.nan)
        return torch.where(targets == 0.5, nothing, losses) if self.is_of_equals else losses

    def count_correct(self, returns: Tensor, targets: Tensor) -> tuple[float, float]:
        """Count as usual."""
        return PREFERENCE_LOSS.count_correct(returns, targets)


def _learner(store: ObjectStore, *, loss: _Spoiling | None = None) -> tuple[RewardLearner, Comparisons]:
    layout = SegmentLayout(SPEC)
    comparisons = Comparisons(layout, capacity=100)
    ensemble = RewardEnsemble(RewardModelConfig.for_task(SPEC, hidden_size=8), seed=1)
    learner = RewardLearner(
        trainer=Trainer(ensemble, _CONFIG, seed=1, loss=loss or _Spoiling()),
        training_set=TrainingSet(
            comparisons, load=lambda answer: load_compared_segments(store, answer, layout=layout)
        ),
        checkpoints=CheckpointStore(store, run_id="r"),
    )
    return learner, comparisons


def _answer(cursor: int, preference: Preference = Preference.RIGHT, *, left: str = "") -> Answer:
    low = cursor % 7
    return Answer(
        cursor=cursor,
        query_id=f"q{cursor}",
        answer_id=f"a{cursor}",
        version=1,
        preference=preference,
        left=place_of(left or f"l{low}"),
        right=place_of(f"l{low + 1}"),
        labeler_id="ada",
        is_extra=False,
    )


def _answers(*cursors: int) -> list[Answer]:
    return [_answer(cursor) for cursor in cursors]


def _damage(store: ObjectStore, number: int) -> None:
    key = f"{_PREFIX}{number:012d}.safetensors"
    store.put(key, store.get(key)[:-1])


async def _restored(store: ObjectStore, rows: Sequence[Answer]) -> RewardLearner:
    learner, _ = _learner(store)
    await learner.restore()
    for row in rows:
        if row.cursor <= learner.position.cursor:
            await learner.restore_row(row)
    learner.publish()
    return learner


async def test_a_round_that_ends_in_infinity_is_repeated_without_the_newest_answers(
    store: ObjectStore,
) -> None:
    """They are counted as lost and named; the version is the one that would be without them."""
    loss = _Spoiling()
    spoilt, comparisons = _learner(store, loss=loss)
    loss.is_of_equals = True
    spared, _ = _learner(store)
    for each in (spoilt, spared):
        await each.learn(_answers(1, 2, 3))
    with structlog.testing.capture_logs() as logs:
        version = await spoilt.learn([_answer(4, Preference.EQUAL)])
    events = [entry["event"] for entry in logs]
    assert events.count("training_round_dropped") == 1
    assert [entry["answer_id"] for entry in logs if entry["event"] == "comparison_left_out"] == ["a4"]
    assert (version.number, version.cursor, version.num_comparisons, spoilt.num_lost) == (2, 4, 3, 1)
    np.testing.assert_array_equal(comparisons.all().sequences, [0, 1, 2])
    assert np.isfinite(spoilt.training_loss)
    again = await spoilt.learn(_answers(5))
    assert (again.number, again.num_comparisons) == (3, 4)


async def test_what_was_left_out_stays_so_after_a_restart(store: ObjectStore) -> None:
    """Also if its labeler changes the answer: what spoilt the round are the segments."""
    loss = _Spoiling()
    learner, _ = _learner(store, loss=loss)
    loss.is_of_equals = True
    rows = [*_answers(1, 2), _answer(3, Preference.EQUAL)]
    await learner.learn(rows[:2])
    await learner.learn(rows[2:])
    restored = await _restored(store, rows)
    assert restored.num_lost == 1
    assert (await restored.learn(_answers(4))).num_comparisons == 3


async def test_while_every_round_ends_in_infinity_the_model_stays_as_it_was(store: ObjectStore) -> None:
    """The optimiser too, so that the first sound round goes on from there; each version is published and finite."""
    loss = _Spoiling()
    learner, _ = _learner(store, loss=loss)
    before = await learner.learn(_answers(1, 2, 3))
    state = learner._trainer.state_dict()
    loss.is_broken = True
    with structlog.testing.capture_logs() as logs:
        version = await learner.learn(_answers(4))
    assert version.weights == before.weights
    assert (version.number, version.cursor) == (2, 4)
    assert any("taken back" in entry.get("notice", "") for entry in logs)
    for name, array in learner._trainer.state_dict().items():
        np.testing.assert_array_equal(array, state[name], err_msg=name)
    loss.is_broken = False
    assert (await learner.learn(_answers(5))).weights != before.weights


async def test_the_first_round_of_all_is_taken_back_too(store: ObjectStore) -> None:
    """Before it the optimiser has no moments, and has none again after it."""
    loss = _Spoiling()
    learner, _ = _learner(store, loss=loss)
    loss.is_broken = True
    first = learner.published.version.weights
    assert (await learner.learn(_answers(1))).weights == first
    loss.is_broken = False
    version = await learner.learn(_answers(2))
    assert version.number == 2
    assert version.weights != first


async def test_a_segment_with_an_absurd_number_is_never_learned_from(store: ObjectStore) -> None:
    """Whoever stored it: its comparison counts as lost, the others are learned."""
    segment = make_segment("absurd", 0.0)
    segment.observations[1, 1] = 3e38
    store_segment(store, segment)
    learner, _ = _learner(store)
    version = await learner.learn([*_answers(1, 2), _answer(3, left="absurd")])
    assert (version.num_comparisons, learner.num_lost) == (2, 1)


async def test_after_a_fall_back_no_number_changes_its_meaning(store: ObjectStore) -> None:
    """Version 3 was published once; its checkpoint can't be read, so what is learned now is version 4."""
    learner, _ = _learner(store)
    published = {}
    rows = _answers(1, 2, 3, 4)
    for row in rows[:3]:
        version = await learner.learn([row])
        published[version.number] = version.weights
    _damage(store, 3)
    with structlog.testing.capture_logs() as logs:
        restored = await _restored(store, rows)
    version = restored.published.version
    assert (version.number, version.weights, version.cursor) == (2, published[2], 2)
    assert any("000000000003" in entry.get("notice", "") for entry in logs)
    assert (await restored.learn(rows[2:])).number == 4
    again = await _restored(store, rows)
    assert (again.published.version.number, again.position.cursor) == (4, 4)


async def test_without_any_sound_checkpoint_all_is_learned_again(store: ObjectStore) -> None:
    """The preference log has everything. Numbers go on after those that were published."""
    learner, _ = _learner(store)
    for row in _answers(1, 2):
        await learner.learn([row])
    for number in (1, 2):
        _damage(store, number)
    with structlog.testing.capture_logs() as logs:
        restored = await _restored(store, _answers(1, 2))
    assert (restored.published.version.number, restored.position.cursor) == (0, 0)
    assert any("learned again" in entry.get("notice", "") for entry in logs)
    version = await restored.learn(_answers(1, 2))
    assert (version.number, version.num_comparisons) == (3, 2)


async def test_a_checkpoint_that_does_not_fit_changes_nothing(store: ObjectStore) -> None:
    """One of another network, as if somebody had copied it there: the one before is taken, whole."""
    learner, _ = _learner(store)
    version = await learner.learn(_answers(1))
    small = Trainer(RewardEnsemble(RewardModelConfig.for_task(SPEC, hidden_size=1), seed=1), _CONFIG, seed=1)
    misfit = Checkpoint(
        arrays={**small.state_dict(), "agreement": np.ones(1)}, facts={"reward_version": 2, "cursor": 2}
    )
    CheckpointSeries(store, _PREFIX).save(misfit, number=2)
    restored = await _restored(store, _answers(1))
    assert restored.published.version.weights == version.weights


class _Full(MemoryStore):
    """Is full for as long as told to."""

    is_full = False

    def put(self, key: str, data: bytes) -> StoredObject:
        if self.is_full:
            raise ResourceExhaustedError("the disk is full")
        return super().put(key, data)


async def test_a_full_store_delays_a_version_and_ends_nothing() -> None:
    """It isn't published before it is stored."""
    store = _Full()
    for level in range(8):
        store_segment(store, make_segment(f"l{level}", level / 4))
    learner, _ = _learner(store)
    store.is_full = True
    learning = asyncio.create_task(learner.learn(_answers(1)))
    await asyncio.sleep(0.3)
    assert not learning.done()
    assert learner.published.version.number == 0
    store.is_full = False
    assert (await learning).number == 1
