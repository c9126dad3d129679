"""What those who watch the reward model get."""

from __future__ import annotations

import asyncio

from services.reward.feedback.preference_log import LogPosition
from services.reward.published import Published, RewardVersion
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from tests.services.reward.doubles import SPEC


def _version(number: int) -> RewardVersion:
    ensemble = RewardEnsemble(RewardModelConfig.for_task(SPEC, hidden_size=2), seed=0)
    return RewardVersion(
        number=number,
        ensemble=ensemble,
        weights=b"",
        num_comparisons=number,
        position=LogPosition(cursor=number),
    )


async def test_the_newest_update_comes_first_and_slow_watchers_skip_those_between() -> None:
    """Three updates while a watcher is busy reach it as one."""
    published = Published(_version(0))
    watcher = published.watch()
    first = await anext(watcher)
    published.update(settled_env_steps=10)
    published.update(version=_version(1))
    published.update(settled_env_steps=20, wants_segments=True)
    second = await anext(watcher)
    assert (first.version.number, first.settled_env_steps, first.is_pretrained) == (0, -1, False)
    assert (second.version.number, second.settled_env_steps, second.is_pretrained) == (1, 20, True)
    assert second == published.newest


async def test_an_update_that_changes_nothing_wakes_no_watcher() -> None:
    """Settling the same step again changes nothing; the next step does."""
    published = Published(_version(0))
    published.update(settled_env_steps=10)
    watcher = published.watch()
    await anext(watcher)
    waiting = asyncio.ensure_future(anext(watcher))  # type: ignore[arg-type]
    published.update(settled_env_steps=10)
    await asyncio.sleep(0)
    assert not waiting.done()
    published.update(settled_env_steps=11)
    assert (await waiting).settled_env_steps == 11
