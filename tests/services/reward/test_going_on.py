"""A run can always go on: stories of what was answered, killed, paused and changed, each with its end."""

from __future__ import annotations

import asyncio

import pytest

from services.reward.monitoring.progress_report import RunControls
from somersault.domain.feedback import Preference
from tests.services.reward.world.story import answer, in_virtual_time, until_waiting
from tests.services.reward.world.world import World


@pytest.mark.parametrize("is_resume", [True, False])
def test_a_person_who_pauses_finds_queries_after_a_resume_and_after_a_simulator_died(is_resume: bool) -> None:
    """Four of 20 are answered, the learner waits; all is stopped and resumed, or the simulator killed; an hour goes by.

    The queries are those of before, no answer is asked twice, and the run uses all 20 labels.
    """

    async def story(world: World) -> None:
        await until_waiting(world)
        answer(world, 4)
        await asyncio.sleep(30.0)
        await until_waiting(world)
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

    in_virtual_time(story, budget=20)


def test_segments_are_gathered_when_there_is_nothing_left_to_ask() -> None:
    """No clip can be drawn and the simulator dies while the learner waits: it costs none of the run's steps."""

    async def story(world: World) -> None:
        await until_waiting(world)
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

    in_virtual_time(story)


def test_a_budget_that_is_raised_at_the_end_is_asked_for() -> None:
    """All ten are answered and the learner nears its end: five more hold it until they are answered."""

    async def story(world: World) -> None:
        while world.labeler.num_answered < 10:
            answer(world, 1)
            await asyncio.sleep(1.0)
        while world.env_steps < 300:
            await asyncio.sleep(0.5)
        world.labeler.controls = RunControls(label_budget=15)
        await asyncio.sleep(120.0)
        assert not world.is_finished
        assert len(world.labeler.offered("ada")) == 5
        assert world.reward is not None
        assert world.reward.loop.num_awaited == 5
        await world.go_on(("ada",), Preference.LEFT)
        assert world.labeler.num_answered == 15

    in_virtual_time(story)


def test_a_budget_that_is_lowered_lets_the_learner_go_on_and_takes_back_what_is_too_many() -> None:
    """Four of ten are answered and more are open when the owner says that four are enough."""

    async def story(world: World) -> None:
        await until_waiting(world)
        answer(world, 4)
        await asyncio.sleep(60.0)
        assert world.labeler.offered("ada")
        world.labeler.controls = RunControls(label_budget=4)
        await asyncio.sleep(8.0)
        assert not world.labeler.offered("ada")
        await world.go_on((), Preference.LEFT)

    in_virtual_time(story)


@pytest.mark.parametrize("pacing", ["free", "lockstep"])
def test_a_run_told_to_finish_does_so_while_it_waits_for_labels(pacing: str) -> None:
    """Within six seconds, without another step; told again after a restart."""

    async def story(world: World) -> None:
        await until_waiting(world)
        env_steps = world.env_steps
        world.labeler.controls = RunControls(is_finishing=True)
        await asyncio.sleep(6.0)
        assert world.is_finished
        assert world.env_steps == env_steps
        await world.stop_all()
        await world.start()
        await asyncio.sleep(6.0)
        assert world.is_finished
        assert world.env_steps == env_steps

    in_virtual_time(story, pacing=pacing)


def test_stopping_and_resuming_while_it_waits_uses_no_steps_up() -> None:
    """Fifty times: the learner waits where it waited."""

    async def story(world: World) -> None:
        await until_waiting(world)
        env_steps = world.env_steps
        for _ in range(50):
            await world.stop_all()
            await world.start()
            await asyncio.sleep(20.0)
        assert world.env_steps == env_steps

    in_virtual_time(story)


@pytest.mark.parametrize("pacing", ["free", "lockstep"])
def test_answers_given_while_the_reward_service_is_stopped_are_learned_after_it_is_back(pacing: str) -> None:
    """Late answers count."""

    async def story(world: World) -> None:
        await until_waiting(world)
        await world.stop_all()
        num_offered = len(world.labeler.offered("ada"))
        answer(world, num_offered)
        await world.start()
        await asyncio.sleep(30.0)
        assert world.reward is not None
        assert world.reward.loop.published.version.num_comparisons == num_offered > 0

    in_virtual_time(story, pacing=pacing)


def test_a_learner_that_waits_for_no_labels_goes_on_while_the_labeler_is_away() -> None:
    """A teacher's run goes on with the rewards that it has, to its end; no simulator gathers segments that can't be asked about."""

    async def story(world: World) -> None:
        await until_waiting(world)
        answer(world, 4)
        assert world.reward is not None
        while not world.reward.loop.published.newest.is_pretrained:
            await asyncio.sleep(0.1)
        world.labeler.go_away()
        await asyncio.sleep(120.0)
        assert world.is_finished
        assert world.learner is not None
        assert world.learner.collector.num_spare == 0

    in_virtual_time(story, has_people=False)
