"""The reward service's loop: admit segments, ask what is due, learn from answers, publish, say what is settled.

Two pacings, one loop. In lockstep a step is settled when every label due at it is answered and learned, so the reward versions are
a function of the learner's steps. In free pacing queries are kept ready ahead of need and answers are learned as they come.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import prometheus_client
import structlog

from services.reward.answers import Answer
from services.reward.asking import Asker
from services.reward.config import RewardConfig
from services.reward.keeper import Keeper
from services.reward.label_schedule import LabelScheduleConfig, labels_due
from services.reward.labeling import LabelerClient
from services.reward.ledger import Ledger
from services.reward.offers import Offers
from services.reward.segment_pool import SegmentPool
from services.reward.stall import Stall
from services.reward.student import RewardVersion, Student
from somersault.errors import UnavailableError
from somersault.rpc import Backoff, Latest

__all__ = ["LearnerPlace", "RewardLoop", "Settled"]

_log = structlog.get_logger()

T = TypeVar("T")

_VERSION = prometheus_client.Gauge("somersault_reward_version", "Newest reward version")
_NUM_COMPARISONS = prometheus_client.Gauge(
    "somersault_reward_num_comparisons", "Comparisons the newest version learned from"
)
_AGREEMENT = prometheus_client.Gauge(
    "somersault_reward_preference_accuracy",
    "How often the ensemble foretold the newest 100 answers of left or right before training on them",
)
_LOSS = prometheus_client.Gauge(
    "somersault_reward_training_loss", "Mean cross-entropy of the last round, nats"
)
_NUM_ASKED = prometheus_client.Gauge(
    "somersault_reward_num_asked", "Queries asked that count against the budget"
)
_NUM_POOL = prometheus_client.Gauge("somersault_reward_num_pool_segments", "Segments in the pool")
_ROUND_S = prometheus_client.Histogram(
    "somersault_reward_round_seconds", "Time to learn one batch of answers"
)


_LOOK_AGAIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerPlace:
    """How far the learner is."""

    env_steps: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)
    """The newest rollout it took, by incarnation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The newest reward version, and the step up to which everything due is learned by it."""

    version: RewardVersion
    env_steps: int = -1
    is_pretrained: bool = False


class RewardLoop:
    """Owns the order of things. Used from one event loop; training runs in a thread beside it."""

    def __init__(
        self,
        *,
        config: RewardConfig,
        pool: SegmentPool,
        offers: Offers,
        asker: Asker,
        student: Student,
        labeler: LabelerClient,
        keeper: Keeper,
    ) -> None:
        """Takes its parts; `restore` then `run` start it."""
        self._config = config
        self._pool = pool
        self._offers = offers
        self._asker = asker
        self._student = student
        self._labeler = labeler
        self._keeper = keeper
        self._schedule = LabelScheduleConfig(
            num_labels=config.label_budget,
            initial_fraction=config.initial_fraction,
            last_label_step=max(1, round(config.total_env_steps * config.labeling_fraction)),
        )
        self._place = self._settled_place = LearnerPlace()
        self.ledger = Ledger()
        self._woken = asyncio.Event()
        self._stall = Stall()
        self.settled: Latest[Settled] = Latest(Settled(version=student.published))

    @property
    def num_due(self) -> int:
        """Labels due at the learner's step."""
        return labels_due(self._schedule, self._place.env_steps)

    def place(self, place: LearnerPlace) -> None:
        """Hears how far the learner is."""
        self._place = place
        self._woken.set()

    async def restore(self) -> None:
        """Rebuilds everything from the newest checkpoint, the preference log and the stored segments.

        Raises:
            SomersaultError: the checkpoint can't be trusted, or the labeler refused.
        """
        kept = await asyncio.to_thread(self._keeper.restore)
        if kept is not None:
            await asyncio.to_thread(self._student.restore, kept)
        queries = await self._labeler.list_queries()
        self._asker.restore(query.segment_ids for query in queries)
        self.ledger.ask(query.query_id for query in queries if query.is_open)
        learned = self._student.published.cursor
        await self._read_log(until=await self._labeler.newest_cursor(), learned=learned)
        self._tell(version=self._student.published)
        _log.info("restored", reward_version=self._student.published.version, num_asked=self.ledger.num_asked)

    async def run(self) -> None:
        """Works until cancelled."""
        settle = self._settle_in_lockstep if self._config.pacing == "lockstep" else self._settle_freely
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_log())
            while True:
                await settle()

    async def _settle_in_lockstep(self) -> None:
        """Takes the learner's next place, asks what is due there, and settles it once that is learned."""
        while self._place is self._settled_place:
            await self._wait()
        place = self._settled_place = self._place
        if place.env_steps == 0:
            return
        await self._offers.wait_for(place.positions)
        self._offers.admit(place.positions)
        if len(self._pool) >= self._config.min_pool_segments:
            await self._ask(labels_due(self._schedule, place.env_steps) - self.ledger.num_asked)
        while self.ledger.num_open:
            await self._wait()
            await self._drop_failed()
        await self._learn(self.ledger.to_learn_in_fixed_order())
        self._tell(env_steps=place.env_steps)

    async def _settle_freely(self) -> None:
        """Keeps queries ready, learns what was answered, and lets the learner go on unless answers are far behind."""
        await self._wait()
        self._offers.admit(None)
        await self._take_back_stalled()
        if len(self._pool) >= self._config.min_pool_segments:
            await self._ask(self._num_to_ask_ahead())
        initial = labels_due(self._schedule, 0)
        if self.settled.value.is_pretrained or self.ledger.num_answered >= initial:
            await self._learn(self.ledger.to_learn())
        if self._may_go_on():
            self._tell(env_steps=self._place.env_steps)

    def _num_to_ask_ahead(self) -> int:
        """Gives how many queries to ask so that some are ready, though never far ahead of the schedule.

        A quick labeler would otherwise spend the whole budget on the first, bad policy.
        """
        behind = self.num_due - self.ledger.num_asked
        wanting = self._config.num_ready_queries - self.ledger.num_open
        return max(behind, min(wanting, behind + self._config.num_ready_queries))

    def _may_go_on(self) -> bool:
        if not self.ledger.num_asked and len(self._pool) < self._config.min_pool_segments:
            return True  # segments must come first
        lag, most = self.num_due - self.ledger.num_answered, self._config.max_label_lag
        return self.settled.value.is_pretrained and (most is None or lag <= most)

    async def _ask(self, num_queries: int) -> None:
        num_queries = min(num_queries, self._config.label_budget - self.ledger.num_asked, 256)
        if num_queries <= 0:
            return
        self.ledger.ask(await self._asker.ask(num_queries))
        _NUM_ASKED.set(self.ledger.num_asked)
        _NUM_POOL.set(len(self._pool))

    async def _drop_failed(self) -> None:
        """Stops waiting for queries that nobody can answer, as when a clip can't be drawn."""
        if self.ledger.num_open and self._stall.is_over():
            await self._reconcile()

    async def _take_back_stalled(self) -> None:
        """Takes back queries that nobody has answered for a while, so that others can be asked in their place.

        Somebody who skips a query never gets it again; when all open ones are skipped, or failed, the run would stand still.
        """
        if self.ledger.num_open and self._stall.is_over():
            await self._labeler.withdraw(self.ledger.open)
            await self._reconcile()

    async def _reconcile(self) -> None:
        """Counts as open only what the labeler still holds open."""
        queries = await self._labeler.list_queries()
        num_gone = self.ledger.keep_open(query.query_id for query in queries if query.is_open)
        _log.info("queries_taken_back", num_queries=num_gone, num_open=self.ledger.num_open)

    async def _learn(self, answers: list[Answer]) -> None:
        """Trains one round on new answers, keeps a checkpoint, and publishes."""
        if not answers:
            return
        with _ROUND_S.time():
            version = await self._patiently(lambda: self._student.learn(answers))
        self.ledger.learned(answers)
        await self._patiently(lambda: self._keeper.keep(self._student.checkpoint()))
        self._tell(version=version)
        _VERSION.set(version.version)
        _NUM_COMPARISONS.set(version.num_comparisons)
        _AGREEMENT.set(float("nan") if self._student.agreement is None else self._student.agreement)
        _LOSS.set(self._student.training_loss)
        _log.info(
            "reward_version_published",
            reward_version=version.version,
            num_comparisons=version.num_comparisons,
            agreement=self._student.agreement,
            training_loss=self._student.training_loss,
        )

    async def _patiently(self, work: Callable[[], T]) -> T:
        """Runs what needs the object store in a thread, again and again while the store is away."""
        backoff = Backoff()
        while True:
            try:
                return await asyncio.to_thread(work)
            except UnavailableError as error:
                _log.warning("store_away", detail=str(error))
                await backoff.wait()

    async def _follow_log(self) -> None:
        """Takes new rows of the preference log as they are committed."""
        newest = max(self._student.published.cursor, self.ledger.newest_cursor)
        async for answers in self._labeler.watch(newest):
            for answer in answers:
                self._take(answer)
            self._woken.set()

    async def _read_log(self, *, until: int, learned: int) -> None:
        """Reads the log as it stands: rows up to ``learned`` are remembered, later ones wait to be learned."""
        if until == 0:
            return
        async with contextlib.aclosing(self._labeler.watch(0)) as log:
            async for answers in log:
                for answer in answers:
                    if answer.cursor > learned:
                        self._take(answer)
                        continue
                    self.ledger.note_learned(answer)
                    await self._patiently(functools.partial(self._student.remember, answer))
                if answers[-1].cursor >= until:
                    return

    def _take(self, answer: Answer) -> None:
        self.ledger.take(answer)
        self._stall.end()

    async def _wait(self) -> None:
        """Waits until the learner moved, an answer came, or segments were offered; not for ever, since stalls make no sound."""
        waits = [asyncio.ensure_future(self._woken.wait())]
        if self._config.pacing == "free":
            waits.append(asyncio.ensure_future(self._offers.changed.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=_LOOK_AGAIN_S)
        finally:
            for each in waits:
                each.cancel()
        self._woken.clear()
        self._offers.changed.clear()

    def _tell(self, **changes: object) -> None:
        now = replace(self.settled.value, **changes)  # type: ignore[arg-type]
        self.settled.set(replace(now, is_pretrained=now.version.version > 0))
