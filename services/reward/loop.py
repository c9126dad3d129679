"""The reward service's loop: admit segments, ask what is due, learn from answers, publish, say what is settled.

Two pacings, one loop. In lockstep a step is settled when every label due at it is answered, by as many labelers as its
query wants, and learned, so the reward versions are a function of the learner's steps. In free pacing queries are kept ready
ahead of need and answers are learned as they come.

Nothing that the run waits for may depend on the wait. Queries stay open until they are answered. Where more are due than
can be asked, since there are too few segments, and the learner is held, its simulators gather on for segments alone.
"""

from __future__ import annotations

import asyncio
import contextlib

import prometheus_client
import structlog

from services.reward.config import RewardConfig
from services.reward.feedback.preference_log import LogRow
from services.reward.labeler_client import LabelerClient
from services.reward.pacing.label_pacing import NO_HORIZON, Count, Pacing
from services.reward.pacing.learner_progress import Pace
from services.reward.published import LearnerPlace, Settled, tell
from services.reward.queries.proposals import Wishes
from services.reward.queries.proposer import Asker
from services.reward.queries.reconciler import Upkeep
from services.reward.queries.tracker import Ledger
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from services.reward.training.lessons import Lessons
from somersault.rpc import Latest, Notifier

__all__ = ["RewardLoop"]

_log = structlog.get_logger()

_NUM_ASKED = prometheus_client.Gauge(
    "somersault_reward_num_asked", "Queries asked that count against the budget"
)
_NUM_POOL = prometheus_client.Gauge("somersault_reward_num_pool_segments", "Segments in the pool")

_LOOK_AGAIN_S = 5.0


class RewardLoop:
    """Owns the order of things. Used from one event loop; training runs in a thread beside it."""

    def __init__(
        self,
        *,
        config: RewardConfig,
        pool: SegmentPool,
        offers: Offers,
        asker: Asker,
        lessons: Lessons,
        labeler: LabelerClient,
    ) -> None:
        """Takes its parts; `restore` then `run` start it."""
        self._config = config
        self._pool = pool
        self._offers = offers
        self._asker = asker
        self._lessons = lessons
        self._labeler = labeler
        self.pacing = Pacing(config)
        self._place = self._settled_place = LearnerPlace()
        self.ledger = Ledger(num_given=config.num_given_labels)
        self._upkeep = Upkeep(self.ledger, labeler)
        self._is_calling = False
        """Whether, in free pacing, the labeler is being called: it may be away for long."""
        self._woken = Notifier()
        self._changes = self._next_changes()
        self.pace = Pace()

    @property
    def settled(self) -> Latest[Settled]:
        """The newest reward version, and the step up to which everything due is learned by it."""
        return self._lessons.settled

    @property
    def num_due(self) -> int:
        """Labels due at the learner's step."""
        return self.pacing.num_due(self._place.env_steps)

    @property
    def num_due_per_step(self) -> float:
        """Labels that come due with each step from there on."""
        return self.pacing.num_due_per_step(self._place.env_steps)

    @property
    def num_awaited(self) -> int:
        """Answers without which the learner does not go on."""
        if self._config.pacing == "lockstep":
            most = 0 if self.pacing.is_finishing else self.pacing.label_budget
            return min(self.ledger.num_unfilled, most)
        return self.pacing.num_awaited(
            self._place.env_steps,
            self._count,
            has_segments=self._has_segments,
            is_pretrained=self._is_pretrained,
        )

    @property
    def env_steps(self) -> int:
        """How far the learner is."""
        return self._place.env_steps

    def place(self, place: LearnerPlace) -> None:
        """Hears how far the learner is."""
        self._place = place
        self.pace.note(place.env_steps)
        self._woken.notify()
        if self._is_calling:
            self._let_go_on()

    def hear(self, wishes: Wishes) -> None:
        """Hear what the run's owner wants."""
        self.pacing.set_budget(wishes.label_budget)
        self.pacing.is_finishing = wishes.is_finishing
        tell(self.settled, is_finishing=wishes.is_finishing)
        self._woken.notify()

    async def restore(self) -> None:
        """Rebuilds everything from the newest checkpoint, the preference log and the stored segments.

        Raises:
            SomersaultError: the checkpoint can't be trusted, or the labeler refused.
        """
        await self._lessons.restore()
        queries = await self._labeler.list_queries()
        self._asker.restore(query.segment_ids for query in queries)
        self.ledger.ask(query.query_id for query in queries if query.is_open)
        until = await self._labeler.newest_cursor()
        self._lessons.know_log_until(until)
        await self._read_log(until=until)
        self._lessons.publish()
        version = self.settled.value.version.version
        _log.info("restored", reward_version=version, num_asked=self.ledger.num_asked)

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
        if self._has_segments:
            await self._ask(self.pacing.num_to_ask(place.env_steps, self._count))
        while self.ledger.num_unfilled:
            await self._wait()
            num_asked = self.ledger.num_asked
            await self._upkeep.tidy(label_budget=self.pacing.label_budget)
            num_lost = num_asked - self.ledger.num_asked
            if num_lost > 0 and self._has_segments:
                await self._ask(min(num_lost, self.pacing.num_to_ask(place.env_steps, self._count)))
        await self._learn(self.ledger.to_learn_in_fixed_order())
        tell(self.settled, env_steps=place.env_steps)

    async def _settle_freely(self) -> None:
        """Keeps queries ready, learns what was answered, and lets the learner go on unless answers are far behind."""
        await self._wait()
        self._offers.admit(None)
        await self._call_labeler()
        if self._is_pretrained or self.ledger.num_answered >= self.pacing.num_initial:
            await self._learn(self.ledger.to_learn())
        self._let_go_on()

    async def _call_labeler(self) -> None:
        """Keep queries ready. A labeler that is away is waited for; the learner goes on meanwhile, as far as it may."""
        self._is_calling = True
        try:
            await self._upkeep.tidy(label_budget=self.pacing.label_budget)
            if self._has_segments:
                tell(self.settled, wants_segments=False)
                await self._ask(self._num_to_ask_ahead)
        finally:
            self._is_calling = False

    def _let_go_on(self) -> None:
        """Tell the learner how far it may go, or if it may not, whether segments are what is missing."""
        horizon = self.pacing.horizon(
            self._count, has_segments=self._has_segments, is_pretrained=self._is_pretrained
        )
        env_steps = self._place.env_steps
        is_held = env_steps > horizon
        tell(
            self.settled,
            env_steps=self.settled.value.env_steps if is_held else env_steps,
            horizon=None if horizon == NO_HORIZON else horizon,
            wants_segments=is_held and not self._is_calling and self._num_to_ask_ahead > 0,
        )

    @property
    def _num_to_ask_ahead(self) -> int:
        return self.pacing.num_to_ask_ahead(
            self._place.env_steps, self._count, is_pretrained=self._is_pretrained
        )

    @property
    def _has_segments(self) -> bool:
        """Whether there are enough to ask about: those that a simulator still holds, since others can't be stored."""
        return self._offers.num_available >= self._offers.enough(self._config.min_pool_segments)

    @property
    def _is_pretrained(self) -> bool:
        return self.settled.value.is_pretrained

    @property
    def _count(self) -> Count:
        ledger = self.ledger
        return Count(
            num_asked=ledger.num_asked,
            num_open=ledger.num_ready,
            num_answered=ledger.num_answered,
            has_begun=self._asker.num_asked > 0,
        )

    async def _ask(self, num_queries: int) -> None:
        if num_queries <= 0:
            return
        self.ledger.ask(await self._asker.ask(num_queries))
        _NUM_ASKED.set(self.ledger.num_asked)
        _NUM_POOL.set(len(self._pool))

    async def _learn(self, rows: list[LogRow]) -> None:
        if not rows:
            return
        await self._lessons.learn(rows)
        self.ledger.learned(rows)

    async def _follow_log(self) -> None:
        """Takes new rows of the preference log as they are committed."""
        newest = max(self.settled.value.version.cursor, self.ledger.newest_cursor)
        async for rows in self._labeler.watch(newest):
            for row in rows:
                self._take(row)
            self._woken.notify()

    async def _read_log(self, *, until: int) -> None:
        """Reads the log as it stands: rows that were learned are remembered, later ones wait to be learned."""
        learned = self._lessons.cursor
        if until == 0:
            return
        async with contextlib.aclosing(self._labeler.watch(0)) as log:
            async for rows in log:
                for row in rows:
                    if row.cursor > learned:
                        self._take(row)
                        continue
                    self.ledger.note_learned(row)
                    await self._lessons.remember(row)
                if rows[-1].cursor >= until:
                    return

    def _take(self, row: LogRow) -> None:
        self.ledger.take(row)
        self._upkeep.note_answer()

    async def _wait(self) -> None:
        """Waits until the learner moved, an answer came, or segments were offered; not for ever, since stalls make no sound."""
        waits = [asyncio.ensure_future(change.wait()) for change in self._changes]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=_LOOK_AGAIN_S)
        finally:
            for each in waits:
                each.cancel()
        self._changes = self._next_changes()

    def _next_changes(self) -> tuple[asyncio.Event, ...]:
        """Return what `_wait` waits for: in lockstep offers are waited for where they are due."""
        is_free = self._config.pacing == "free"
        return (self._woken.next, self._offers.changed.next) if is_free else (self._woken.next,)
