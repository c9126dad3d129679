"""What may befall a run, as the rules of a state machine that walks through them in any order."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from somersault.domain.feedback import Preference
from tests.services.reward.world.virtual_time import VirtualTimeLoop, inline_threads
from tests.services.reward.world.world import World

__all__ = ["Liveness"]

LABELERS = ("ada", "bob")
LABELER = st.sampled_from(LABELERS)
FEW = st.integers(1, 4)
MOMENTS = st.sampled_from([0.5, 3.0, 12.0, 45.0, 400.0])
"""Of silence: shorter and longer than any stall."""


class Liveness(RuleBasedStateMachine):
    """Walks through what may befall a run; at the end of each walk labelers answer whatever is offered."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.threads = inline_threads()
        self.threads.__enter__()
        self.world: World | None = None
        self.last_preference = Preference.LEFT

    def do(self, work: Callable[[World], Coroutine[Any, Any, Any]]) -> None:
        """Run something in the world's loop."""
        assert self.world is not None
        self.loop.run_until_complete(work(self.world))

    @initialize(
        pacing=st.sampled_from(["free", "free", "lockstep"]),
        has_people=st.booleans(),
        last_preference=st.sampled_from([Preference.LEFT, Preference.LEFT, Preference.INCOMPARABLE]),
        seconds=st.sampled_from([0.0, 8.0, 20.0]),
    )
    def begin(self, pacing: str, has_people: bool, last_preference: Preference, seconds: float) -> None:
        """Start a run."""
        self.last_preference = last_preference

        async def make() -> World:
            return World(pacing=pacing, has_people=has_people)

        self.world = self.loop.run_until_complete(make())
        self.do(lambda world: world.start())
        self.do(lambda _: asyncio.sleep(seconds))

    @rule(seconds=MOMENTS)
    def nothing_happens(self, seconds: float) -> None:
        """Time goes by."""
        self.do(lambda _: asyncio.sleep(seconds))

    @rule(
        labeler=LABELER,
        count=FEW,
        preference=st.sampled_from([Preference.LEFT, Preference.EQUAL, Preference.INCOMPARABLE]),
    )
    def answer(self, labeler: str, count: int, preference: Preference) -> None:
        """Answer what is offered."""

        async def work(world: World) -> None:
            for query in world.labeler.offered(labeler)[:count]:
                world.labeler.answer(labeler, query, preference)

        self.do(work)

    @rule(labeler=LABELER, count=st.integers(1, 9))
    def skip(self, labeler: str, count: int) -> None:
        """Skip what is offered: it never comes again."""

        async def work(world: World) -> None:
            for query in world.labeler.offered(labeler)[:count]:
                query.skipped_by.add(labeler)

        self.do(work)

    @rule(count=FEW)
    def clips_fail(self, count: int) -> None:
        """Some clips can't be drawn."""
        assert self.world is not None
        self.world.labeler.num_to_fail += count

    @rule()
    def kill_simulators(self) -> None:
        """Kill them, and start one with nothing to offer."""

        async def work(world: World) -> None:
            await world.kill_simulators()
            world.start_simulator()

        self.do(work)

    @rule()
    def lose_simulators(self) -> None:
        """Kill them, and start none."""
        self.do(lambda world: world.kill_simulators())

    @precondition(lambda self: self.world is not None and len(self.world.simulators) < 3)
    @rule()
    def add_simulator(self) -> None:
        """Start one more."""

        async def work(world: World) -> None:
            world.start_simulator()

        self.do(work)

    @rule(is_back=st.booleans())
    def kill_reward(self, is_back: bool) -> None:
        """Kill the reward service."""

        async def work(world: World) -> None:
            await world.kill_reward()
            if is_back:
                await world.start_reward()

        self.do(work)

    @rule(is_back=st.booleans(), is_warned=st.booleans())
    def kill_learner(self, is_back: bool, is_warned: bool) -> None:
        """Kill or stop the learner; it goes on from its newest checkpoint."""

        async def work(world: World) -> None:
            await world.kill_learner(is_warned=is_warned)
            if is_back:
                await world.start_learner()

        self.do(work)

    @precondition(lambda self: self.world is not None and self.world.learner is not None)
    @rule(is_paused=st.booleans())
    def pause_learner(self, is_paused: bool) -> None:
        """Pause the learner, or have it go on."""

        async def work(world: World) -> None:
            assert world.learner is not None
            (world.learner.loop.pause if is_paused else world.learner.loop.resume)()

        self.do(work)

    @precondition(lambda self: self.world is not None and self.world.learner is not None)
    @rule()
    def keep_checkpoint(self) -> None:
        """Store a checkpoint."""
        self.do(lambda world: world.learner.loop.checkpoint())  # type: ignore[union-attr]

    @rule(is_away=st.booleans())
    def labeler_service(self, is_away: bool) -> None:
        """Kill the labeler service, or start it."""

        async def work(world: World) -> None:
            (world.labeler.go_away if is_away else world.labeler.come_back)()

        self.do(work)

    @rule()
    def interrupt_and_resume(self) -> None:
        """Stop everything and start everything."""

        async def work(world: World) -> None:
            await world.stop_all()
            await world.start()

        self.do(work)

    @rule()
    def start_what_is_missing(self) -> None:
        """As the supervisor does."""
        self.do(lambda world: world.start())

    @rule(is_paused=st.booleans())
    def pause_run(self, is_paused: bool) -> None:
        """Have nothing leased, or something again."""
        assert self.world is not None
        labeler = self.world.labeler
        labeler.controls = dataclasses.replace(labeler.controls, is_paused=is_paused)

    @rule(budget=st.integers(1, 16))
    def change_budget(self, budget: int) -> None:
        """The owner wants more labels, or fewer."""
        assert self.world is not None
        labeler = self.world.labeler
        labeler.controls = dataclasses.replace(labeler.controls, label_budget=budget)

    @rule(num_answers=st.integers(1, 2))
    def ask_more_labelers(self, num_answers: int) -> None:
        """New queries want one answer, or two."""
        assert self.world is not None
        self.world.labeler.target_answers = num_answers

    @precondition(lambda self: self.world is not None and not self.world.labeler.controls.is_finishing)
    @rule(roll=st.integers(0, 5))
    def finish_now(self, roll: int) -> None:
        """Seldom, the owner has had enough."""
        assert self.world is not None
        if roll == 0:
            labeler = self.world.labeler
            labeler.controls = dataclasses.replace(labeler.controls, is_finishing=True)

    @invariant()
    def nothing_is_broken(self) -> None:
        """No process died of itself, no query was withdrawn for want of an answer, no figure exceeds the budget."""
        if self.world is not None:
            self.world.check()

    def teardown(self) -> None:
        """Show that it goes on to its end once labelers answer whatever is offered, with all labels used."""
        try:
            if self.world is not None:
                self.do(self._end)
        finally:
            if self.world is not None:
                self.do(lambda world: world.close())
            self.threads.__exit__(None, None, None)
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    async def _end(self, world: World) -> None:
        labeler = world.labeler
        labeler.controls = dataclasses.replace(labeler.controls, is_paused=False)
        labeler.num_to_fail = 0
        await world.start()
        if world.learner is not None and not world.is_finished:
            world.learner.loop.resume()
        was_finished = world.is_finished
        await world.go_on(LABELERS, self.last_preference)
        if not labeler.controls.is_finishing:
            assert world.env_steps >= world.config.total_env_steps
            if world.has_people and not was_finished:
                assert labeler.num_answered >= labeler.budget, "finished while answers were wanted"
