"""A run: what outlives its processes, the processes, and what may befall them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from services.learner.progress import LearnerState
from services.reward.config import RewardConfig
from somersault.domain.feedback import Preference
from somersault.storage import open_store
from tests.services.reward.world.labeler import LabelerModel
from tests.services.reward.world.services import LearnerLife, RewardLife
from tests.services.reward.world.simulator import SimulatorModel

__all__ = ["World"]

_END_S = 3600.0
"""A run whose queries are answered ends long before; time is virtual."""


class World:
    """Owns the processes. What is stored and what the labeler committed is never lost."""

    def __init__(
        self, *, pacing: str, has_people: bool = True, budget: int = 10, total_env_steps: int = 400
    ) -> None:
        self.config = RewardConfig(
            task="t",
            run_id="r",
            storage_url="memory://",
            pacing=pacing,
            label_budget=budget,
            total_env_steps=total_env_steps,
            initial_fraction=0.2,
            labeling_fraction=0.6,
            min_pool_segments=8,
            num_ready_queries=4,
            max_label_lag="auto" if has_people else None,
        )
        self.has_people = has_people and pacing == "free"
        self.store = open_store("memory://")
        self.labeler = LabelerModel()
        self.labeler.default_budget = budget
        self.reward: RewardLife | None = None
        self.learner: LearnerLife | None = None
        self.simulators: dict[str, SimulatorModel] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._num_lives = 0
        self._spawn("draw", self.labeler.draw())

    async def start(self, *, num_simulators: int = 1) -> None:
        """Start all that is not running."""
        self.labeler.come_back()
        if self.reward is None:
            await self.start_reward()
        if self.learner is None:
            await self.start_learner()
        while len(self.simulators) < num_simulators:
            self.start_simulator()

    async def start_reward(self) -> None:
        """Begin a life of the reward service; everybody dials it."""
        self.reward = RewardLife(self.config, self.store, self.labeler)
        self._spawn("reward", self.reward.live())
        self._connect()

    async def kill_reward(self) -> None:
        """End the reward service's life without warning."""
        self.reward = None
        await self._end("reward", "follow", *(f"offer {name}" for name in self.simulators))

    async def start_learner(self) -> None:
        """Begin a life of the learner from its newest checkpoint."""
        self.learner = LearnerLife(
            self.store,
            total_env_steps=self.config.total_env_steps,
            is_lockstep=self.config.pacing == "lockstep",
        )
        self._spawn("learner", self.learner.live())
        self._connect()

    async def kill_learner(self, *, is_warned: bool = False) -> None:
        """End the learner's life; with a warning it stores a checkpoint first."""
        if self.learner is not None and is_warned:
            await self.learner.loop.checkpoint()
        self.learner = None
        await self._end("learner", "follow", *(f"collect {name}" for name in self.simulators))

    def start_simulator(self) -> None:
        """Begin a simulator's life, under a new name."""
        self._num_lives += 1
        name = f"s{self._num_lives}"
        self.simulators[name] = SimulatorModel(name, self.store)
        self._connect()

    async def kill_simulators(self) -> None:
        """End every simulator's life: all that they hold is lost."""
        names, self.simulators = list(self.simulators), {}
        self.labeler.num_drawing = 0
        await self._end(*(f"{work} {name}" for name in names for work in ("offer", "collect")))

    async def stop_all(self) -> None:
        """End everything, as an interrupt does."""
        await self.kill_learner(is_warned=True)
        await self.kill_simulators()
        await self.kill_reward()

    def _connect(self) -> None:
        """Have everybody who is there dial everybody whom it dials."""
        self.labeler.num_drawing = len(self.simulators)
        if self.learner is not None and self.reward is not None:
            self._spawn("follow", self.learner.follow(self.reward.servicer))
        for name, simulator in self.simulators.items():
            if self.learner is not None:
                self._spawn(f"collect {name}", simulator.collect(self.learner.collector))
            if self.reward is not None:
                self._spawn(f"offer {name}", simulator.offer(self.reward.offers))

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks.get(name)
        if task is not None and not task.done():
            work.close()
            return
        self._check(task)
        self._tasks[name] = asyncio.ensure_future(work)

    async def _end(self, *names: str) -> None:
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            self._check(task)

    def _check(self, task: asyncio.Task[None] | None) -> None:
        if task is not None and task.done() and not task.cancelled():
            task.result()

    def check(self) -> None:
        """Raise what broke a process, and whatever must never be so."""
        for task in self._tasks.values():
            self._check(task)
        assert not self.labeler.withdrawn_in_want, "withdrawn for want of an answer"
        for report in self.labeler.reports:
            assert 0 <= report.num_labels_due <= report.label_budget, "more wanted than the budget"
            assert report.num_awaited <= report.label_budget, "more awaited than the budget"
        self.labeler.reports.clear()
        owner_said = self.labeler.controls.label_budget is not None or self.labeler.controls.is_finishing
        if self.has_people and not owner_said and self.labeler.num_answered < self.labeler.budget:
            assert self.env_steps < self.last_label_step, "the last steps are made while answers are wanted"

    async def close(self) -> None:
        """End everything for good."""
        await self._end(*self._tasks)

    # The run's end.

    @property
    def is_finished(self) -> bool:
        """Whether the learner says that it is."""
        return self.learner is not None and self.learner.loop.progress.value.state is LearnerState.FINISHED

    @property
    def last_label_step(self) -> int:
        """Where all labels are due."""
        return round(self.config.total_env_steps * self.config.labeling_fraction)

    @property
    def env_steps(self) -> int:
        """How far the learner is."""
        return 0 if self.learner is None else self.learner.loop.progress.value.env_steps

    async def go_on(self, labelers: tuple[str, ...], preference: Preference) -> None:
        """Have labelers answer whatever is offered until the run is finished.

        Raises:
            AssertionError: it never is.
        """
        give_up_s = asyncio.get_running_loop().time() + _END_S
        while not self.is_finished:
            await asyncio.sleep(1.0)
            self.check()
            for labeler_id in labelers:
                for query in self.labeler.offered(labeler_id)[:1]:
                    self.labeler.answer(labeler_id, query, preference)
            assert asyncio.get_running_loop().time() < give_up_s, f"stuck: {self.describe()}"

    def describe(self) -> dict[str, Any]:
        """Tell how everything stands."""
        learner, reward = self.learner, self.reward
        return {
            "learner": learner and learner.loop.progress.value,
            "settled": reward and reward.loop.published.newest,
            "counts": reward and reward.loop._counts,
            "available": reward and reward.offers.num_available,
            "queries": {name[:4]: query.state for name, query in self.labeler.queries.items()},
            "controls": self.labeler.controls,
        }
