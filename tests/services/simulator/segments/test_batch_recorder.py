"""Segments are slices of episodes, and scores are those of whole episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from services.simulator.environments import open_environment, steps_already_taken
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import Trace, gather
from services.simulator.segments.batch_recorder import BatchRecorder
from services.simulator.segments.offers import Offer
from services.simulator.segments.segment_recorder import SegmentRecorder
from services.simulator.true_rewards import Steps, true_reward_of
from somersault.tasks import Task

PolicyArrays = Callable[..., dict[str, np.ndarray]]

NUM = 3


def _run(
    task: Task, arrays: dict[str, np.ndarray], *, steps: int, count: int, is_staggered: bool = False
) -> tuple[list[Offer], list[Trace], BatchRecorder]:
    rng = np.random.default_rng(0)
    batch = open_environment(task, num_environments=NUM, rng=rng, is_staggered=is_staggered)
    policy = Policy(arrays, spec=task.spec)
    recorder = BatchRecorder(
        task,
        incarnation="life",
        elapsed_steps=steps_already_taken(task, NUM, is_staggered=is_staggered),
        recorded_rows=batch.recorded_rows,
        rng=np.random.default_rng(1),
    )
    offers, traces = [], []
    for sequence in range(count):
        _, trace = gather(batch, policy, sequence=sequence, policy_version=7, num_steps=steps, rng=rng)
        traces.append(trace)
        offers.append(recorder.record(trace))
    return offers, traces, recorder


def _states(trace: Trace) -> np.ndarray:
    """The states ``[T, N, S]`` before each step."""
    steps = len(trace.actions)
    parts = [trace.passage.footage.part(row, 0, steps)["states"][:-1] for row in range(NUM)]
    return np.stack(parts, axis=1)


def test_two_segments_an_episode_offered_when_they_end(task: Task, policy_arrays: PolicyArrays) -> None:
    """In rollouts of 100 steps the first ends by step 212, the second by 400: offers 1 or 2, then 3."""
    offers, _, _ = _run(task, policy_arrays(), steps=100, count=4)
    counts = [len(offer.segments) for offer in offers]
    assert counts[0] == 0
    assert counts[1] + counts[2] == NUM
    assert counts[3] == NUM
    assert [offer.rollout_sequence for offer in offers] == [0, 1, 2, 3]


def test_segments_are_the_steps_that_were_gathered(task: Task, policy_arrays: PolicyArrays) -> None:
    """Observations, actions, rewards and states are a slice of one environment's stream of steps."""
    offers, traces, _ = _run(task, policy_arrays(), steps=150, count=6, is_staggered=True)
    observations = np.concatenate([trace.frames for trace in traces])
    actions = np.concatenate([trace.actions for trace in traces])
    states = np.concatenate([_states(trace) for trace in traces])
    segments = [kept for offer in offers for kept in offer.segments]
    assert len(segments) > 2 * NUM
    for kept in segments:
        first = kept.segment.observations[0]
        ((begin, row),) = np.argwhere((observations == first).all(axis=-1))
        here = slice(begin, begin + task.segment_steps)
        np.testing.assert_array_equal(kept.segment.observations, observations[here, row])
        np.testing.assert_array_equal(kept.segment.actions, actions[here, row])
        kept_states = kept.footage["states"]
        np.testing.assert_array_equal(kept_states[:-1], states[here, row])
        steps = Steps(observations[here, row], actions[here, row], kept_states[:-1], kept_states[1:])
        expected = true_reward_of(task)(steps)
        np.testing.assert_allclose(kept.true_rewards, expected, rtol=1e-5, atol=1e-6)
        # Within one episode, time goes on by one step each time, the last state included.
        np.testing.assert_allclose(np.diff(kept_states[:, 0]), task.step_s, atol=1e-9)


def test_names_are_unique_and_tell_life_rollout_and_policy(task: Task, policy_arrays: PolicyArrays) -> None:
    """Counted over the recorder's life."""
    offers, _, _ = _run(task, policy_arrays(), steps=200, count=4)
    segments = [kept.segment for offer in offers for kept in offer.segments]
    assert [each.segment_id for each in segments] == [f"life-{index:08d}" for index in range(len(segments))]
    assert {each.policy_version for each in segments} == {7}
    for offer in offers:
        assert {kept.segment.rollout_sequence for kept in offer.segments} <= {offer.rollout_sequence}


def test_scale_is_that_of_the_returns_so_far(task: Task, policy_arrays: PolicyArrays) -> None:
    """Each segment carries mean and standard deviation of all returns up to its own offer."""
    offers, _, _ = _run(task, policy_arrays(), steps=200, count=6)
    returns: list[float] = []
    for offer in offers:
        returns += [kept.true_return for kept in offer.segments]
        for kept in offer.segments:
            assert kept.recent_return_mean == pytest.approx(np.mean(returns), rel=1e-5)
            assert kept.recent_return_std == pytest.approx(np.std(returns), rel=1e-5)


def test_scores_are_those_of_whole_episodes(task: Task, policy_arrays: PolicyArrays) -> None:
    """Two episodes an environment in 800 steps; the return is the sum of 400 true rewards."""
    _, traces, recorder = _run(task, policy_arrays(), steps=400, count=2)
    expected = np.concatenate([each.passage.true_rewards.sum(axis=0) for each in traces])
    actual = [score.true_return for score in recorder.recent_scores]
    np.testing.assert_allclose(actual, expected, rtol=1e-4)
    starts = _states(traces[0])[0, :, 3]
    ends = [traces[0].passage.footage.part(row, 399, 400)["states"][-1, 3] for row in range(NUM)]
    angles = starts - ends
    flips = [score.flips for score in recorder.recent_scores[:NUM]]
    np.testing.assert_allclose(flips, angles / (2 * np.pi))


def test_episodes_that_began_before_are_not_scored(task: Task, policy_arrays: PolicyArrays) -> None:
    """Of three staggered episodes only the first row's began at its beginning."""
    _, _, recorder = _run(task, policy_arrays(), steps=400, count=1, is_staggered=True)
    assert len(recorder.recent_scores) == 1


def test_a_return_that_is_not_finite_hides_the_scale_of_no_other(
    task: Task, policy_arrays: PolicyArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broken segment would make every teacher unable to judge the next thousands."""
    broken = iter([np.float32([1, np.nan]), np.float32([np.inf])])
    original = BatchRecorder._name

    def record(self, full, trace, scale):
        assert np.isfinite([scale.mean, scale.std]).all()
        return original(self, full, trace, scale)

    recorder_of_broken = SegmentRecorder.record

    def break_some(self, *arguments, **options):
        ended = recorder_of_broken(self, *arguments, **options)
        return [replace(full, true_rewards=next(broken, full.true_rewards)) for full in ended]

    monkeypatch.setattr(BatchRecorder, "_name", record)
    monkeypatch.setattr(SegmentRecorder, "record", break_some)
    offers, _, _ = _run(task, policy_arrays(), steps=200, count=6)
    assert next(broken, None) is None
    assert sum(len(offer.segments) for offer in offers) > 2
