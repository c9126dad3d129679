"""How far the learner is: whose word counts, and how much of it can be true."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from services.reward.pacing.gathered_steps import GatheredSteps
from services.reward.pacing.learner_progress import LearnerProgress
from services.reward.pacing.progress_reports import BelievedSteps, ProgressReports, Reporter
from services.reward.service import _check_may_report, _progress_from_message
from somersault.errors import FailedPreconditionError, InvalidInputError, PermissionDeniedError
from somersault.storage import open_store
from somersault.v1 import reward_pb2
from tests.services.reward.doubles import LabelerDouble, make_segment, store_segment
from tests.services.reward.harness import Harness, higher_is_better, make_harness, running


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _offer(harness: Harness, sequence: int) -> None:
    """Offer a rollout of 100 steps."""
    segments = [make_segment(f"s{sequence}{index:02d}-{index}", index / 24) for index in range(48)]
    for segment in segments:
        store_segment(harness.store, segment)
    harness.offers.offer(harness.session, sequence, segments, env_steps=100)


@pytest.mark.parametrize("claim", [600, 1000, 10**12])
async def test_a_place_that_nothing_shows_uses_no_labels_up(claim: int) -> None:
    """After a rollout of 100 steps of a run of 1,000, whose labels are due by step 600: not all ten are asked."""
    harness = make_harness(open_store("memory://"), LabelerDouble(higher_is_better))
    async with running(harness):
        _offer(harness, 0)
        await harness.settle(claim, 0)
        assert len(harness.labeler.proposals) < 10
        assert harness.loop.num_due < 10


async def test_what_simulators_show_is_believed_at_once() -> None:
    """A run's labels are due as its steps are made."""
    harness = make_harness(open_store("memory://"), LabelerDouble(higher_is_better))
    async with running(harness):
        for sequence in range(6):
            _offer(harness, sequence)
            await harness.settle(100 * (sequence + 1), sequence)
        assert len(harness.labeler.proposals) == 10


def test_steps_are_believed_as_they_are_gathered() -> None:
    """By the rollouts of all simulators, gone ones included; four each may be on their way here."""
    clock, gathered = _Clock(), GatheredSteps()
    believed = BelievedSteps(gathered, total_env_steps=3600, clock=clock)
    assert believed.of(10**6) == 0
    gathered.note("a", sequence=9, env_steps=10)
    gathered.note("b", sequence=0, env_steps=5)
    assert believed.of(10**6) == 14 * 10 + 5 * 5
    assert believed.of(100) == 100


def test_no_run_is_held_for_good_by_what_is_not_known_here() -> None:
    """What nothing shows is believed within an hour; after a restart of a run that has asked, the first report is."""
    clock, gathered = _Clock(), GatheredSteps()
    gathered.note("a", sequence=0, env_steps=1)
    believed = BelievedSteps(gathered, total_env_steps=3600, clock=clock)
    clock.now_s = 1800
    assert believed.of(3600) == 1805
    believed.trust_next()
    believed.note(0)
    believed.note(5000)
    believed.note(9000)
    assert believed.of(9000) == 5000 + 5 + 1800


def test_simulators_that_do_not_say_how_long_rollouts_are_bound_nothing() -> None:
    """As those of an older version."""
    gathered = GatheredSteps()
    gathered.note("a", sequence=0, env_steps=0)
    assert BelievedSteps(gathered, total_env_steps=10).of(77) == 77


def test_one_learner_at_a_time_is_believed() -> None:
    """Another is refused, until the first has been silent for so long that its connection may be lost."""
    noted: list[int] = []
    ended: list[str] = []
    clock = _Clock()
    reports = ProgressReports(lambda progress: noted.append(progress.env_steps), clock=clock)
    first, second = (Reporter(end=lambda name=name: ended.append(name)) for name in ("first", "second"))  # type: ignore[misc]
    reports.report(first, LearnerProgress(env_steps=100))
    with pytest.raises(FailedPreconditionError, match="another learner"):
        reports.report(second, LearnerProgress(env_steps=900))
    assert (noted, ended) == ([100], [])
    clock.now_s = 31
    reports.report(second, LearnerProgress(env_steps=90))
    assert (noted, ended) == ([100, 90], ["first"])
    reports.leave(first)
    reports.leave(second)
    reports.report(first, LearnerProgress(env_steps=100))


def test_a_stream_does_not_go_back() -> None:
    """Further than by a step that was taken back."""
    reports = ProgressReports(lambda _: None)
    stream = Reporter(end=lambda: None)
    for env_steps in (0, 100, 200, 180):
        reports.report(stream, LearnerProgress(env_steps=env_steps))
    with pytest.raises(InvalidInputError, match="env_steps is 90, must be at least 100"):
        reports.report(stream, LearnerProgress(env_steps=90))


@pytest.mark.parametrize("caller", ["owner", "simulator"])
def test_only_a_learner_reports(caller: str) -> None:
    """Others may watch."""
    names = {"peer_spiffe_id": [f"spiffe://run/{caller}".encode()]}
    context: Any = SimpleNamespace(auth_context=lambda: names)
    with pytest.raises(PermissionDeniedError):
        _check_may_report(context)
    names["peer_spiffe_id"] = [b"spiffe://run/learner"]
    _check_may_report(context)


@pytest.mark.parametrize(
    ("field", "value", "position"),
    [
        ("positions.sequence", 2**60, {"incarnation": "a", "sequence": 2**60}),
        ("positions.sequence", -1, {"incarnation": "a", "sequence": -1}),
        ("positions.incarnation", "", {"incarnation": ""}),
    ],
)
def test_bounds_on_positions(field: str, value: object, position: dict[str, Any]) -> None:
    """The error names the field, the value and the bound."""
    request = reward_pb2.WatchRewardModelRequest(positions=[reward_pb2.RolloutPosition(**position)])
    with pytest.raises(InvalidInputError, match=f"{field} is {value!r}, must be"):
        _progress_from_message(request)
