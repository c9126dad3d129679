"""Budgets that can't work are refused before a run begins."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.simulators.random_policy import random_policy
from services.reward.config import RewardConfig
from services.simulator.rollouts.gatherer import Gatherer, GathererSettings
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.start.budgets import (
    MIN_POOL_SEGMENTS,
    check_budget,
    check_budget_covers_use,
    count_segments,
)
from somersault.environments.early_ends import measure_early_ends
from somersault.errors import InvalidInputError
from somersault.tasks import Task, get_task, list_tasks
from tests.somersault.cli.conftest import make_config

_LEAST = 32_768  # 64 segments of two an episode of 400 steps, 64 first ones of 188, up to whole rollouts, and one more


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """A run of the backflip with just enough steps."""
    return make_config(RunFolder(tmp_path / "run"), total_env_steps=_LEAST)


def _changed(config: RunConfig, **changes: object) -> RunConfig:
    return make_config(RunFolder(Path(config.run_id)), **{"total_env_steps": _LEAST, **changes})


def test_enough_is_enough(config: RunConfig) -> None:
    """Neither bound refuses what is at it."""
    task = get_task("hopper-backflip")
    num_segments = count_segments(task, _LEAST, num_environments=64)
    check_budget(config, task)
    check_budget(_changed(config, label_budget=num_segments * (num_segments - 1) // 2), task)
    check_budget(_changed(config, is_reference=True, label_budget=0, total_env_steps=4096), task)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"total_env_steps": _LEAST - 1}, r"--steps is 32767, must be at least 32,768: the first question"),
        (
            {"label_budget": 10_000},
            r"--labels is 10000, must be at most .* no two of them are compared twice",
        ),
        ({"num_environments": 128}, r"--steps is 32768, must be at least 49,152"),
        ({"is_reference": True, "total_env_steps": 4095}, r"must be at least 4,096: one rollout"),
    ],
)
def test_what_cannot_work_is_named(config: RunConfig, changes: dict[str, object], told: str) -> None:
    """The option, its value, its bound and why."""
    with pytest.raises(InvalidInputError, match=told):
        check_budget(_changed(config, **changes), get_task("hopper-backflip"))


def test_a_resume_takes_nothing_back() -> None:
    """What was used can't be unused."""
    used = {"run/env_steps": 1001, "run/labels": 10}
    check_budget_covers_use(steps=1001, labels=10, progress=used)
    check_budget_covers_use(steps=1, labels=1, progress={})
    with pytest.raises(InvalidInputError, match="--steps is 1000, must be at least 1,001: the run has used"):
        check_budget_covers_use(steps=1000, labels=None, progress=used)
    with pytest.raises(
        InvalidInputError, match="--steps is 2999, must be at least 3,000, as asked for before"
    ):
        check_budget_covers_use(steps=2999, labels=None, progress=used, steps_before=3000)
    check_budget_covers_use(steps=3000, labels=None, progress=used, steps_before=3000)
    with pytest.raises(InvalidInputError, match="--labels is 9, must be at least 10"):
        check_budget_covers_use(steps=None, labels=9, progress=used)


def test_a_resume_that_asks_for_nothing_new_is_never_refused() -> None:
    """The last rollout goes past the end, and an owner may have let the run use more labels than its settings say."""
    check_budget_covers_use(steps=None, labels=None, progress={"run/env_steps": 1001, "run/labels": 10})


def test_every_tasks_own_defaults_are_enough() -> None:
    """Whoever says nothing is not refused."""
    for task in list_tasks():
        defaults = task.defaults
        for labels, steps in (
            (defaults.labels_by_teacher, defaults.steps_by_teacher),
            (defaults.labels_by_people, defaults.steps_by_people),
        ):
            config = make_config(
                RunFolder(Path("run")),
                task=task.name,
                label_budget=labels,
                total_env_steps=steps,
                num_environments=defaults.num_environments,
            )
            check_budget(config, task)


def test_the_first_question_waits_for_as_many_segments_as_the_service_does() -> None:
    """The command line imports no service, so the number stands twice."""
    assert RewardConfig.model_fields["min_pool_segments"].default == MIN_POOL_SEGMENTS


def _gathered_segments(task: Task, *, num_environments: int, num_rollouts: int) -> int:
    gatherer = Gatherer(
        task,
        incarnation="a",
        seed=np.random.SeedSequence(0),
        settings=GathererSettings(num_environments=num_environments, num_threads=2, is_staggered=True),
    )
    gatherer.add_policy(0, random_policy(task.spec))
    num_segments = 0
    for sequence in range(num_rollouts):
        gathered = gatherer.gather(sequence=sequence, policy_version=0, num_steps=task.defaults.rollout_steps)
        num_segments += len(gathered.offer.segments)
    gatherer.close()
    return num_segments


@pytest.mark.parametrize(
    ("name", "num_environments"), [("hopper-backflip", 64), ("reacher", 64), ("pong", 4)]
)
def test_segments_are_counted_as_a_simulator_brings_them(name: str, num_environments: int) -> None:
    """Within an eighth and two, after twelve rollouts: of episodes and of play without an end."""
    task = get_task(name)
    num_segments = _gathered_segments(task, num_environments=num_environments, num_rollouts=12)
    env_steps = 12 * task.defaults.rollout_steps * num_environments
    counted = count_segments(task, env_steps, num_environments=num_environments)
    assert counted == pytest.approx(num_segments, rel=0.125, abs=2)


@pytest.mark.parametrize(
    ("name", "still_s", "num_environments", "num_rollouts"),
    [
        ("CartPole-v1", 0.5, 16, 6),
        pytest.param("CartPole-v1", 0.5, 4, 24, marks=pytest.mark.slow),
        pytest.param("CartPole-v1", 0.5, 64, 8, marks=pytest.mark.slow),
        pytest.param("CartPole-v1", 10.0, 16, 40, marks=pytest.mark.slow),
        pytest.param("Acrobot-v1", 0.5, 8, 12, marks=pytest.mark.slow),
    ],
)
def test_segments_are_counted_where_episodes_end_early(
    name: str, still_s: float, num_environments: int, num_rollouts: int
) -> None:
    """Within a quarter and four: of few and many environments, and of still moments longer than a segment."""
    task = dataclasses.replace(get_task(name), still_s=still_s)
    num_segments = _gathered_segments(task, num_environments=num_environments, num_rollouts=num_rollouts)
    counted = count_segments(
        task,
        num_rollouts * task.defaults.rollout_steps * num_environments,
        num_environments=num_environments,
        early_end_steps=measure_early_ends(task),
    )
    assert counted == pytest.approx(num_segments, rel=0.25, abs=4)


def test_steps_that_stand_still_ask_no_question() -> None:
    """Of ten seconds of it after each fall of the pole, a budget that is enough for half a second is none."""
    task = get_task("CartPole-v1")
    slow = dataclasses.replace(task, still_s=10.0)
    config = _changed_to(task, total_env_steps=50_000, label_budget=10, num_environments=16)
    check_budget(config, task, early_end_steps=22.0)
    with pytest.raises(
        InvalidInputError, match="--steps is 50000, must be at least 136,192: the first question"
    ):
        check_budget(config, slow, early_end_steps=22.0)


def _changed_to(task: Task, **changes: object) -> RunConfig:
    return make_config(RunFolder(Path("run")), task=task.name, **changes)
