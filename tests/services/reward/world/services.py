"""The real learner and the real reward service, each as one life of a process; only their arithmetic is left out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from services.learner import checkpoints as learner_checkpoints
from services.learner.loop import TrainingLoop
from services.learner.rewards.predicted import PredictedRewards
from services.learner.rollouts.collector import Collector
from services.reward.config import RewardConfig
from services.reward.feedback.compared_segments import load_compared_segments
from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.training_set import TrainingSet
from services.reward.loop import RewardLoop
from services.reward.monitoring.progress_reporter import ProgressReporter
from services.reward.queries.proposer import QueryProposer
from services.reward.segments.conversation import OfferConversation
from services.reward.segments.layout import SegmentLayout
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from services.reward.service import RewardServicer
from services.reward.training import checkpoints as reward_checkpoints
from services.reward.training.reward_learner import RewardLearner
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.rpc import Backoff
from somersault.storage import ObjectStore
from tests.services.reward.doubles import SPEC
from tests.services.reward.world.labeler import LabelerModel

__all__ = ["LearnerLife", "RewardLife"]

_POOL = 40


class _TrainerModel:
    """Trains nothing: a reward model's quality is not what is looked at here."""

    def __init__(self) -> None:
        self.ensemble = RewardEnsemble(RewardModelConfig.for_task(SPEC, num_members=2, hidden_size=2), seed=3)

    def train_round(self, comparisons: Comparisons, *, from_scratch: bool) -> Any:
        """Learn nothing."""
        return SimpleNamespace(loss=0.5)

    def state_dict(self) -> dict[str, Any]:
        """Have nothing to keep."""
        return {}

    def load_state_dict(self, arrays: dict[str, Any]) -> None:
        """Take nothing over."""


class RewardLife:
    """One life of the reward service."""

    def __init__(self, config: RewardConfig, store: ObjectStore, labeler: LabelerModel) -> None:
        layout = SegmentLayout(SPEC)
        self.pool = SegmentPool(layout, capacity=_POOL)
        self.offers = Offers(self.pool, capacity=_POOL)
        learner = RewardLearner(
            trainer=_TrainerModel(),  # type: ignore[arg-type]
            training_set=TrainingSet(
                Comparisons(layout, capacity=100),
                load=lambda answer: load_compared_segments(store, answer, layout=layout),
            ),
            checkpoints=reward_checkpoints.CheckpointStore(store, run_id="r"),
        )
        scored = config.limits_for(SPEC).scored
        proposer = QueryProposer(
            pool=self.pool,
            offers=self.offers,
            receiver=labeler,
            published=learner.published,
            seed=3,
            num_candidate_pairs=10,
            tournament_size=2,
            wants_clips="none",
            scored=scored,
        )
        self._labeler = labeler
        self.loop = RewardLoop(
            config=config,
            pool=self.pool,
            offers=self.offers,
            proposer=proposer,
            learner=learner,
            labeler=labeler,  # type: ignore[arg-type]
        )
        self._reporter = ProgressReporter(
            config=config,
            loop=self.loop,
            pool=self.pool,
            learner=learner,
            scored=scored,
            receiver=labeler,
            now_s=lambda: asyncio.get_running_loop().time(),
        )
        self.servicer = RewardServicer(
            spec=SPEC,
            conversation=OfferConversation(spec=SPEC, run_id="r", offers=self.offers),
            pool=self.pool,
            loop=self.loop,
            learner=learner,
        )

    async def live(self) -> None:
        """Work until killed."""
        await self.loop.restore_model()
        await self.loop.restore()
        self.loop.apply(await self._labeler.wait_for_controls())
        async with asyncio.TaskGroup() as group:
            group.create_task(self.loop.run())
            group.create_task(self._reporter.run())


class _AlgorithmModel:
    """Improves nothing."""

    def observe(self, observations: Any) -> None:
        """Look away."""

    def improve(self, rollout: Any, rewards: Any) -> dict[str, float]:
        """Leave the policy as it is."""
        return {}

    def export_policy(self) -> dict[str, Any]:
        """Give a policy."""
        return {"a": np.zeros(1, np.float32)}

    state_dict = export_policy

    def load_state_dict(self, arrays: Any) -> None:
        """Take nothing over."""


class LearnerLife:
    """One life of the learner."""

    def __init__(self, store: ObjectStore, *, total_env_steps: int, is_lockstep: bool) -> None:
        self.collector = Collector(
            max_simulators=9,
            max_policy_lag=8,
            is_exclusive=is_lockstep,
            clock=lambda: asyncio.get_running_loop().time(),
        )
        self.rewards = PredictedRewards(
            "",
            is_lockstep=is_lockstep,
            want_segments=self.collector.want_segments,
            finish=lambda: self.loop.stop(),  # noqa: PLW0108 - there is no loop yet
        )
        self.loop = TrainingLoop(
            algorithm=_AlgorithmModel(),
            collector=self.collector,
            reward_source=self.rewards,
            checkpoints=learner_checkpoints.CheckpointStore(store, run_id="r"),
            total_env_steps=total_env_steps,
            checkpoint_s=1e9,
        )

    async def live(self) -> None:
        """Work until killed or finished."""
        await self.loop.restore()
        await self.loop.run()

    async def follow(self, servicer: RewardServicer) -> None:
        """Follow a reward service until it is killed."""
        stub = SimpleNamespace(WatchRewardModel=_watching(servicer))
        await self.rewards.client.follow(stub, Backoff())  # type: ignore[arg-type]


def _watching(servicer: RewardServicer) -> Callable[[Any], Any]:
    return lambda requests: servicer.WatchRewardModel(requests, SimpleNamespace(auth_context=dict))  # type: ignore[arg-type]
