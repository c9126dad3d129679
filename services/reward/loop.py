"""The reward service's loop: admit segments, ask what is due, learn from answers, publish, say what is settled.

Two pacings, one loop. In lockstep a step is settled when every label due at it has been answered, by as many labelers as
its query wants, and learned; so reward versions are a function of the learner's steps. In free pacing queries are kept
ready ahead of need and answers are learned as they come.

Nothing that the run waits for may depend on the wait. Queries stay open until they are answered. If too few segments are
available to ask what is due, and the learner is held, its simulators keep gathering for the sake of segments alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import prometheus_client
import structlog

from services.reward.config import RewardConfig
from services.reward.feedback.preference_log import LogRow
from services.reward.labeler_client import LabelerClient
from services.reward.log_follower import LogFollower
from services.reward.monitoring.progress_report import RunControls
from services.reward.pacing.label_pacing import NO_HORIZON, LabelPacing, QueryCounts
from services.reward.pacing.learner_progress import LearnerProgress, LearnerSpeed
from services.reward.pacing.progress_reports import BelievedSteps
from services.reward.published import Published
from services.reward.queries.proposer import QueryProposer
from services.reward.queries.reconciler import QueryReconciler
from services.reward.queries.tracker import QueryTracker
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from services.reward.training.reward_learner import RewardLearner
from somersault.errors import UnavailableError
from somersault.rpc import Backoff, Notifier

__all__ = ["RewardLoop"]

_log = structlog.get_logger()

_NUM_ASKED = prometheus_client.Gauge(
    "somersault_reward_num_asked", "Queries asked that count against the budget"
)
_NUM_POOL = prometheus_client.Gauge("somersault_reward_num_pool_segments", "Segments in the pool")

_NUM_UNANSWERED = prometheus_client.Counter(
    "somersault_reward_unanswered_calls_total",
    "Calls in the loop that the labeler didn't answer; each is tried again",
)

_LOOK_AGAIN_S = 5.0


class RewardLoop:
    """Owns the order of things. Used from one event loop; training runs in a thread beside it."""

    def __init__(
        self,
        *,
        config: RewardConfig,
        pool: SegmentPool,
        offers: Offers,
        proposer: QueryProposer,
        learner: RewardLearner,
        labeler: LabelerClient,
    ) -> None:
        """Work with these parts; `restore` then `run` start it."""
        self._config = config
        self._pool = pool
        self._offers = offers
        self._proposer = proposer
        self._learner = learner
        self._labeler = labeler
        self.pacing = LabelPacing(config)
        self.tracker = QueryTracker(num_given=config.num_given_labels)
        self.speed = LearnerSpeed()
        self._believed = BelievedSteps(offers.gathered, total_env_steps=config.total_env_steps)
        self._reconciler = QueryReconciler(self.tracker, labeler)
        self._follower = LogFollower(
            labeler=labeler, learner=learner, tracker=self.tracker, reconciler=self._reconciler
        )
        self._progress = self._settled_progress = LearnerProgress()
        self._is_calling = False
        """Whether, in free pacing, a call to the labeler is under way: it may be away or say nothing."""
        self._is_learning = False
        """Whether, in free pacing, answers are being learned: the store may be away."""
        self._woken = Notifier()
        self._changes = self._next_changes()

    @property
    def published(self) -> Published:
        """The newest reward version, and the step up to which it has learned everything due."""
        return self._learner.published

    @property
    def num_due(self) -> int:
        """Labels due at the learner's step."""
        return self.pacing.num_due(self._believed.of(self._progress.env_steps))

    @property
    def num_due_per_step(self) -> float:
        """Labels that come due with each step from there on."""
        return self.pacing.num_due_per_step(self._believed.of(self._progress.env_steps))

    @property
    def num_awaited(self) -> int:
        """Answers that the learner needs before it goes on."""
        if self._config.pacing == "lockstep":
            most = 0 if self.pacing.is_finishing else self.pacing.label_budget
            return min(self.tracker.num_unfilled, most)
        return self.pacing.num_awaited(
            self._progress.env_steps,
            self._counts,
            has_segments=self._has_segments,
            is_pretrained=self._is_pretrained,
        )

    @property
    def env_steps(self) -> int:
        """How far the learner is."""
        return self._progress.env_steps

    def note_progress(self, progress: LearnerProgress) -> None:
        """Record how far the learner is."""
        self._progress = progress
        self._believed.note(progress.env_steps)
        self.speed.note(progress.env_steps)
        self._woken.notify()
        if self._is_calling or self._is_learning:
            self._let_go_on()

    def apply(self, controls: RunControls) -> None:
        """Do what the run's owner wants."""
        self.pacing.set_budget(controls.label_budget)
        self.pacing.is_finishing = controls.is_finishing
        self.published.update(is_finishing=controls.is_finishing)
        self._woken.notify()

    async def restore_model(self) -> None:
        """Load the newest checkpoint and serve what it holds: for that, no labeler is needed. `restore` must follow.

        Raises:
            SomersaultError: the store refuses for good.
        """
        await self._learner.restore()
        self._learner.publish_restored()

    async def restore(self) -> None:
        """Rebuild everything else from the preference log and the stored segments.

        Raises:
            SomersaultError: the labeler refused.
        """
        queries = await self._labeler.list_queries()
        self._proposer.restore(query.segment_ids for query in queries)
        if queries:
            self._believed.trust_next()
        self.tracker.ask(query.query_id for query in queries if query.is_open)
        until = await self._labeler.newest_cursor()
        await self._follower.catch_up(until=until)
        self._learner.publish()
        version = self.published.version.number
        _log.info("restored", reward_version=version, num_asked=self.tracker.num_asked)

    async def run(self) -> None:
        """Work until cancelled."""
        settle = self._settle_in_lockstep if self._config.pacing == "lockstep" else self._settle_freely
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follower.follow(on_rows=self._woken.notify))
            while True:
                await settle()

    async def _settle_in_lockstep(self) -> None:
        """Wait until the learner moves, ask what is due at its step, and settle that step once everything is learned."""
        while self._progress is self._settled_progress:
            await self._wait()
        progress = self._settled_progress = self._progress
        if progress.env_steps == 0:
            return
        await self._offers.wait_for(progress.newest_sequences)
        self._offers.admit(progress.newest_sequences)
        if self._has_segments:
            env_steps = self._believed.of(progress.env_steps)
            await _until_answered(lambda: self._ask(self.pacing.num_to_ask(env_steps, self._counts)))
        while self.tracker.num_unfilled:
            await self._wait()
            await _until_answered(lambda: self._replace_lost(self._believed.of(progress.env_steps)))
        await self._learn(self._follower.backlog.rows_in_fixed_order())
        self.published.update(settled_env_steps=progress.env_steps)

    async def _replace_lost(self, env_steps: int) -> None:
        """Find out which queries can't be answered any more, and ask others instead."""
        num_asked = self.tracker.num_asked
        await self._reconciler.reconcile(label_budget=self.pacing.label_budget)
        num_lost = num_asked - self.tracker.num_asked
        if self._proposer.has_pending:
            await self._ask(1)
        elif num_lost > 0 and self._has_segments:
            await self._ask(min(num_lost, self.pacing.num_to_ask(env_steps, self._counts)))

    async def _settle_freely(self) -> None:
        """Keep queries ready, learn what was answered, and let the learner go on unless answers are far behind."""
        await self._wait()
        self._offers.admit(None)
        await self._call_labeler()
        if self._is_pretrained or self.tracker.num_answered >= self.pacing.num_initial:
            self._is_learning = True
            try:
                await self._learn(self._follower.backlog.rows())
            finally:
                self._is_learning = False
        self._let_go_on()

    async def _call_labeler(self) -> None:
        """Keep queries ready; a labeler that is away or says nothing is asked again when the loop comes round.

        Meanwhile the learner goes on as far as it may, and what was answered before is learned.
        """
        self._is_calling = True
        try:
            await self._reconciler.reconcile(label_budget=self.pacing.label_budget)
            if self._has_segments:
                self.published.update(wants_segments=False)
                await self._ask(self._num_to_ask_ahead)
        except UnavailableError as error:
            if error.is_hopeless:
                raise
            _NUM_UNANSWERED.inc()
            _log.warning("labeler_away", detail=str(error))
        finally:
            self._is_calling = False

    def _let_go_on(self) -> None:
        """Tell the learner how far it may go and, if it is held, whether segments are what is missing."""
        horizon = self.pacing.horizon(
            self._counts, has_segments=self._has_segments, is_pretrained=self._is_pretrained
        )
        env_steps = self._progress.env_steps
        is_held = env_steps > horizon
        self.published.update(
            settled_env_steps=self.published.newest.settled_env_steps if is_held else env_steps,
            horizon_env_steps=None if horizon == NO_HORIZON else horizon,
            wants_segments=is_held and not self._is_calling and self._num_to_ask_ahead > 0,
        )

    @property
    def _num_to_ask_ahead(self) -> int:
        env_steps = self._believed.of(self._progress.env_steps)
        return self.pacing.num_to_ask_ahead(env_steps, self._counts, is_pretrained=self._is_pretrained)

    @property
    def _has_segments(self) -> bool:
        """Whether enough can be asked about: only segments that a simulator still holds can be stored."""
        return self._offers.num_available >= self._offers.enough(self._config.min_pool_segments)

    @property
    def _is_pretrained(self) -> bool:
        return self.published.newest.is_pretrained

    @property
    def _counts(self) -> QueryCounts:
        tracker = self.tracker
        return QueryCounts(
            num_asked=tracker.num_asked,
            num_open=tracker.num_ready,
            num_answered=tracker.num_answered,
            has_begun=self._proposer.num_proposed > 0,
        )

    async def _ask(self, num_queries: int) -> None:
        if num_queries <= 0:
            return
        self.tracker.ask(await self._proposer.propose(num_queries))
        _NUM_ASKED.set(self.tracker.num_asked)
        _NUM_POOL.set(len(self._pool))

    async def _learn(self, rows: list[LogRow]) -> None:
        if not rows:
            return
        await self._learner.learn(rows)
        self._follower.backlog.remove(rows)

    async def _wait(self) -> None:
        """Wait until the learner moves, an answer comes, or segments are offered; not for ever, because a stall gives no sign."""
        waits = [asyncio.ensure_future(change.wait()) for change in self._changes]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=_LOOK_AGAIN_S)
        finally:
            for each in waits:
                each.cancel()
        self._changes = self._next_changes()

    def _next_changes(self) -> tuple[asyncio.Event, ...]:
        """Return what `_wait` waits for: in lockstep, offers are waited for where they are due."""
        is_free = self._config.pacing == "free"
        return (self._woken.next, self._offers.changed.next) if is_free else (self._woken.next,)


async def _until_answered(work: Callable[[], Awaitable[None]]) -> None:
    """Do work that needs the labeler, as often as it takes: in lockstep nothing goes on without its answers."""
    backoff = Backoff()
    while True:
        try:
            return await work()
        except UnavailableError as error:
            if error.is_hopeless:
                raise
            _NUM_UNANSWERED.inc()
            _log.warning("labeler_away", detail=str(error))
            await backoff.wait()
