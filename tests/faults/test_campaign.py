"""A campaign repeats nothing, goes on where it was stopped, and shrinks what it finds."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.campaign import Campaign, Trial, shrink
from tests.faults.classes import CLASSES
from tests.faults.faults import Fault, FaultClass, Outcome
from tests.faults.proxy import MODES
from tests.faults.report import table_of


def _plan(generator: random.Random) -> Sequence[Fault]:
    return [Fault(kind="kill", target=f"labeler-{number}", after_s=generator.random()) for number in range(8)]


def _class(played: list[int], *, broken_by: frozenset[str] = frozenset()) -> FaultClass:
    async def try_out(faults: Sequence[Fault], seed: int, folder: Path) -> Outcome:
        played.append(seed)
        is_broken = bool(broken_by) and broken_by <= {fault.target for fault in faults}
        return Outcome(problems=["an answer was lost"] if is_broken else [], num_kills=len(faults))

    return FaultClass(name="any", what="", target="", plan=_plan, try_out=try_out)


async def test_a_campaign_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    """No trial is played twice, also if its line was cut off by a kill of the campaign."""
    played: list[int] = []
    for max_kills in (16, 32):
        campaign = Campaign([_class(played)], history=tmp_path / "history.jsonl", seed=5)
        await campaign.run(until_s=time.monotonic() + 60, max_kills=max_kills)
    assert played == [5, 6, 7, 8]
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"class": "any", "se')
    assert len(Campaign([_class(played)], history=tmp_path / "history.jsonl", seed=5).rows) == 4


async def test_what_breaks_a_promise_is_shrunk_to_what_is_needed(tmp_path: Path) -> None:
    """Of eight faults the two that break it together are told, and the trial's files are kept."""
    broken_by = frozenset({"labeler-2", "labeler-7"})
    campaign = Campaign([_class([], broken_by=broken_by)], history=tmp_path / "history.jsonl", seed=1)
    await campaign.run(until_s=time.monotonic() + 60, max_kills=1)
    (row,) = campaign.rows
    assert [text.split()[3] for text in row["shortest"]] == ["labeler-2", "labeler-7"]
    assert "any seed 1: an answer was lost" in table_of(campaign.rows)
    assert (tmp_path / "any-1").is_dir()


async def test_shrinking_ends_at_its_bound() -> None:
    """What it has by then is told."""

    async def fails(faults: Sequence[Fault]) -> bool:
        return len(faults) >= 5

    shortest, num_tries = await shrink(_plan(random.Random(1)), fails, max_tries=3)
    assert (len(shortest) >= 5, num_tries) == (True, 3)


@pytest.mark.parametrize("fault_class", CLASSES, ids=lambda one: one.name)
def test_a_seed_always_means_the_same_faults(fault_class: FaultClass) -> None:
    """And another one others."""
    first, again, other = (Trial(fault_class, seed).faults for seed in (1, 1, 2))
    assert first == again != other
    assert all(
        fault.kind in {"kill", "stop", "crash", "clock", "slow_disk", "full_disk", *MODES} for fault in first
    )
