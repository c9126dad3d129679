"""What an end costs is learned from few comparisons: segments as simulators cut them, judged as the oracle judges."""

from __future__ import annotations

import numpy as np
import pytest

from services.reward.feedback.comparisons import Comparisons
from services.reward.segments.layout import SegmentLayout
from services.reward.training.config import TrainerConfig
from services.reward.training.trainer import Trainer
from services.simulator.environments import open_environment
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import gather
from services.simulator.segments.batch_recorder import BatchRecorder
from services.simulator.segments.recorded_segment import RecordedSegment
from somersault.domain.actions import is_still
from somersault.domain.task_spec import TaskSpec
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.tasks import get_task

_NUM_LABELS = 40
_MARGIN = 0.3  # spreads within which the oracle calls two segments equal


@pytest.fixture(scope="module")
def segments() -> list[RecordedSegment]:
    """60 segments of a CartPole whose pushes are drawn."""
    task, hidden = get_task("CartPole-v1"), 2
    shapes = {"hidden_0.weight": (hidden, 4), "hidden_0.bias": (hidden,)}
    shapes |= {"hidden_1.weight": (hidden, hidden), "hidden_1.bias": (hidden,)}
    shapes |= {"logits.weight": (2, hidden), "logits.bias": (2,), "observation_mean": (4,)}
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    policy = Policy(arrays | {"observation_std": np.ones(4, np.float32)}, spec=task.spec)
    rng = np.random.default_rng(0)
    batch = open_environment(task, num_environments=16, rng=rng)
    recorder = BatchRecorder(
        task,
        incarnation="life",
        elapsed_steps=np.zeros(16, np.int64),
        recorded_rows=batch.recorded_rows,
        rng=np.random.default_rng(1),
    )
    found: list[RecordedSegment] = []
    while len(found) < 60:
        _, trace = gather(batch, policy, sequence=0, policy_version=0, num_steps=128, rng=rng)
        found += recorder.record(trace).segments
    batch.close()
    return found[:60]


def _train(spec: TaskSpec, segments: list[RecordedSegment]) -> RewardEnsemble:
    """Learn from comparisons of segments drawn at random."""
    ensemble = RewardEnsemble(RewardModelConfig.for_task(spec), seed=0)
    trainer = Trainer(ensemble, TrainerConfig(), seed=0)
    comparisons = Comparisons(SegmentLayout(spec), capacity=_NUM_LABELS)
    returns = np.array([each.true_return for each in segments])
    rng = np.random.default_rng(2)
    for _ in range(_NUM_LABELS):
        left, right = rng.choice(len(segments), 2, replace=False)
        difference = returns[left] - returns[right]
        pair = segments[left].segment, segments[right].segment
        comparisons.add(
            np.stack([each.observations for each in pair]),
            np.stack([each.actions for each in pair]),
            mu=0.5 if abs(difference) < _MARGIN * returns.std() else float(difference > 0),
        )
    for _ in range(8):
        trainer.train_round(comparisons)
    return ensemble


def test_forty_comparisons_tell_what_an_end_costs(segments: list[RecordedSegment]) -> None:
    """Living pays more than having ended, by each member; held-out segments rank as their true returns do."""
    spec = get_task("CartPole-v1").spec
    ensemble = _train(spec, segments[:30])
    fresh = [each.segment for each in segments[30:]]
    observations = np.stack([each.observations for each in fresh])
    actions = np.stack([each.actions for each in fresh])
    rewards = ensemble.predict_steps(observations, actions, axis=1)
    still = is_still(actions, num_axes=2)
    for member in rewards:
        assert member[~still].mean() - member[still].mean() > member.std()
    returns = rewards.sum(axis=-1)
    predicted = ((returns - returns.mean(1, keepdims=True)) / returns.std(1, keepdims=True)).mean(0)
    true = np.array([each.true_return for each in segments[30:]])
    left, right = np.triu_indices(len(true), 1)
    decided = np.abs(true[left] - true[right]) > _MARGIN * true.std()
    is_right = (predicted[left] > predicted[right]) == (true[left] > true[right])
    assert is_right[decided].mean() > 0.8
