"""A run can always go on: whatever was answered, skipped, killed, paused and changed, in whatever order."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.reward.exchange import Wishes
from somersault.types import Preference
from tests.services.reward.world.virtual_time import VirtualTimeLoop, inline_threads
from tests.services.reward.world.world import World

LABELERS = ("ada", "bob")
LABELER = st.sampled_from(LABELERS)
FEW = st.integers(1, 4)
MOMENTS = st.sampled_from([0.5, 3.0, 12.0, 45.0, 400.0])
"""Of silence: shorter and longer than any stall."""


class Liveness(RuleBasedStateMachine):
    """Walks through what may befall a run; at the end of each walk somebody answers whatever is offered."""

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
        labeler.wishes = dataclasses.replace(labeler.wishes, is_paused=is_paused)

    @rule(budget=st.integers(1, 16))
    def change_budget(self, budget: int) -> None:
        """The owner wants more labels, or fewer."""
        assert self.world is not None
        labeler = self.world.labeler
        labeler.wishes = dataclasses.replace(labeler.wishes, label_budget=budget)

    @rule(num_answers=st.integers(1, 2))
    def ask_more_labelers(self, num_answers: int) -> None:
        """New queries want one answer, or two."""
        assert self.world is not None
        self.world.labeler.target_answers = num_answers

    @precondition(lambda self: self.world is not None and not self.world.labeler.wishes.is_finishing)
    @rule(roll=st.integers(0, 5))
    def finish_now(self, roll: int) -> None:
        """Seldom, the owner has had enough."""
        assert self.world is not None
        if roll == 0:
            labeler = self.world.labeler
            labeler.wishes = dataclasses.replace(labeler.wishes, is_finishing=True)

    @invariant()
    def nothing_is_broken(self) -> None:
        """No process died of itself, no query was withdrawn for want of an answer, no figure exceeds the budget."""
        if self.world is not None:
            self.world.check()

    def teardown(self) -> None:
        """Show that it goes on to its end once somebody answers whatever is offered, with all labels used."""
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
        labeler.wishes = dataclasses.replace(labeler.wishes, is_paused=False)
        labeler.num_to_fail = 0
        await world.start()
        if world.learner is not None and not world.is_finished:
            world.learner.loop.resume()
        was_finished = world.is_finished
        await world.go_on(LABELERS, self.last_preference)
        if not labeler.wishes.is_finishing:
            assert world.env_steps >= world.config.total_env_steps
            if world.has_people and not was_finished:
                assert labeler.num_answered >= labeler.budget, "finished while answers were wanted"


def _in_virtual_time(story: Callable[[World], Coroutine[Any, Any, None]], **settings: Any) -> None:
    """Run a story in a world of its own, all of whose processes are started."""

    async def run() -> None:
        world = World(**{"pacing": "free", **settings})
        try:
            await world.start()
            await story(world)
            world.check()
        finally:
            await world.close()

    loop = VirtualTimeLoop()
    with inline_threads():
        try:
            loop.run_until_complete(run())
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


def _answer(world: World, count: int) -> None:
    for query in world.labeler.offered("ada")[:count]:
        world.labeler.answer("ada", query, Preference.LEFT)


async def _until_waiting(world: World) -> None:
    """Let time go by until the learner waits for answers."""
    while world.reward is None or not world.reward.loop.num_awaited:
        await asyncio.sleep(1.0)
    await asyncio.sleep(5.0)  # until clips are drawn


@pytest.mark.parametrize("is_resume", [True, False])
def test_a_person_who_pauses_finds_queries_after_a_resume_and_after_a_simulator_died(is_resume: bool) -> None:
    """Four of 20 are answered, the learner waits; all is stopped and resumed, or the simulator killed; an hour goes by.

    The queries are those of before, no answer is asked twice, and the run uses all 20 labels.
    """

    async def story(world: World) -> None:
        await _until_waiting(world)
        _answer(world, 4)
        await asyncio.sleep(30.0)
        await _until_waiting(world)
        before = [query.query_id for query in world.labeler.offered("ada")]
        if is_resume:
            await world.stop_all()
        else:
            await world.kill_simulators()
        await world.start()
        await asyncio.sleep(3600.0)
        world.check()
        assert before
        assert [query.query_id for query in world.labeler.offered("ada")][: len(before)] == before
        await world.go_on(("ada",), Preference.LEFT)
        assert world.labeler.num_answered == len(world.labeler.log) == 20

    _in_virtual_time(story, budget=20)


def test_segments_are_gathered_when_there_is_nothing_left_to_ask() -> None:
    """No clip can be drawn and the simulator dies while the learner waits: it costs none of the run's steps."""

    async def story(world: World) -> None:
        await _until_waiting(world)
        env_steps = world.env_steps
        for query in world.labeler.queries.values():
            query.state = "failed"
        await world.kill_simulators()
        world.start_simulator()
        await asyncio.sleep(120.0)
        assert world.env_steps == env_steps
        assert world.learner is not None
        assert world.learner.collector.num_spare > 0
        assert len(world.labeler.offered("ada")) >= 2
        num_spare = world.learner.collector.num_spare
        await asyncio.sleep(3600.0)
        assert world.learner.collector.num_spare == num_spare  # no more than are needed
        await world.go_on(("ada",), Preference.LEFT)
        assert world.labeler.num_answered == 10

    _in_virtual_time(story)


def test_a_budget_that_is_raised_at_the_end_is_asked_for() -> None:
    """All ten are answered and the learner nears its end: five more hold it until they are answered."""

    async def story(world: World) -> None:
        while world.labeler.num_answered < 10:
            _answer(world, 1)
            await asyncio.sleep(1.0)
        while world.env_steps < 300:
            await asyncio.sleep(0.5)
        world.labeler.wishes = Wishes(label_budget=15)
        await asyncio.sleep(120.0)
        assert not world.is_finished
        assert len(world.labeler.offered("ada")) == 5
        assert world.reward is not None
        assert world.reward.loop.num_awaited == 5
        await world.go_on(("ada",), Preference.LEFT)
        assert world.labeler.num_answered == 15

    _in_virtual_time(story)


def test_a_budget_that_is_lowered_lets_the_learner_go_on_and_takes_back_what_is_too_many() -> None:
    """Four of ten are answered and more are open when the owner says that four are enough."""

    async def story(world: World) -> None:
        await _until_waiting(world)
        _answer(world, 4)
        await asyncio.sleep(60.0)
        assert world.labeler.offered("ada")
        world.labeler.wishes = Wishes(label_budget=4)
        await asyncio.sleep(8.0)
        assert not world.labeler.offered("ada")
        await world.go_on((), Preference.LEFT)

    _in_virtual_time(story)


@pytest.mark.parametrize("pacing", ["free", "lockstep"])
def test_a_run_told_to_finish_does_so_while_it_waits_for_labels(pacing: str) -> None:
    """Within six seconds, without another step; told again after a restart."""

    async def story(world: World) -> None:
        await _until_waiting(world)
        env_steps = world.env_steps
        world.labeler.wishes = Wishes(is_finishing=True)
        await asyncio.sleep(6.0)
        assert world.is_finished
        assert world.env_steps == env_steps
        await world.stop_all()
        await world.start()
        await asyncio.sleep(6.0)
        assert world.is_finished
        assert world.env_steps == env_steps

    _in_virtual_time(story, pacing=pacing)


def test_stopping_and_resuming_while_it_waits_uses_no_steps_up() -> None:
    """Fifty times: the learner waits where it waited."""

    async def story(world: World) -> None:
        await _until_waiting(world)
        env_steps = world.env_steps
        for _ in range(50):
            await world.stop_all()
            await world.start()
            await asyncio.sleep(20.0)
        assert world.env_steps == env_steps

    _in_virtual_time(story)


@pytest.mark.parametrize("pacing", ["free", "lockstep"])
def test_answers_given_while_the_reward_service_is_stopped_are_learned_after_it_is_back(pacing: str) -> None:
    """Late answers count."""

    async def story(world: World) -> None:
        await _until_waiting(world)
        await world.stop_all()
        num_offered = len(world.labeler.offered("ada"))
        _answer(world, num_offered)
        await world.start()
        await asyncio.sleep(30.0)
        assert world.reward is not None
        assert world.reward.loop.settled.value.version.num_comparisons == num_offered > 0

    _in_virtual_time(story, pacing=pacing)


def test_a_labeler_service_that_is_away_holds_up_no_learner_that_waits_for_nobody() -> None:
    """A teacher's run goes on with the rewards that it has, to its end; nobody gathers for segments that can't be asked about."""

    async def story(world: World) -> None:
        await _until_waiting(world)
        _answer(world, 4)
        assert world.reward is not None
        while not world.reward.loop.settled.value.is_pretrained:
            await asyncio.sleep(0.1)
        world.labeler.go_away()
        await asyncio.sleep(120.0)
        assert world.is_finished
        assert world.learner is not None
        assert world.learner.collector.num_spare == 0

    _in_virtual_time(story, has_people=False)


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Log nothing: two thousand runs have much to say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def _walk(max_examples: int, num_steps: int, *, is_same_each_time: bool = False) -> None:
    run_state_machine_as_test(
        Liveness,
        settings=settings(
            max_examples=max_examples,
            stateful_step_count=num_steps,
            deadline=None,
            derandomize=is_same_each_time,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.usefixtures("_quiet")
def test_a_run_goes_on_after_whatever_befell_it() -> None:
    """Answers, silence, skips, failures, kills, resumes, pauses and changes of the budget, in many orders."""
    _walk(max_examples=60, num_steps=20, is_same_each_time=True)


@pytest.mark.slow
@pytest.mark.usefixtures("_quiet")
@pytest.mark.timeout(3600)
def test_a_run_goes_on_after_whatever_befell_it_in_two_thousand_orders() -> None:
    """The same, 2,000 times and longer."""
    _walk(max_examples=2000, num_steps=30)
