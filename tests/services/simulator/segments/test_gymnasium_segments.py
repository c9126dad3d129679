"""Segments of an environment that is only known by its Gymnasium id, from gathering to a rendered clip."""

from __future__ import annotations

import numpy as np

from services.simulator.clips.renderers import open_renderer
from services.simulator.environments import open_environment, steps_already_taken
from services.simulator.episodes.evaluation import evaluate
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import gather
from services.simulator.segments.batch_recorder import BatchRecorder
from services.simulator.segments.format import decode_segment, encode_segment
from services.simulator.segments.recorded_segment import RecordedSegment
from somersault.domain.actions import is_still
from somersault.tasks import Task, get_task

NUM, HIDDEN = 6, 4


def _indifferent_policy(task: Task) -> Policy:
    """A policy whose choices are equally likely whatever it sees."""
    shapes = {"hidden_0.weight": (HIDDEN, 4), "hidden_0.bias": (HIDDEN,), "hidden_1.weight": (HIDDEN, HIDDEN)}
    shapes |= {"hidden_1.bias": (HIDDEN,), "logits.weight": (2, HIDDEN), "logits.bias": (2,)}
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    arrays |= {"observation_mean": np.zeros(4, np.float32), "observation_std": np.ones(4, np.float32)}
    return Policy(arrays, spec=task.spec)


def _gather_segments(task: Task, *, count: int) -> list[RecordedSegment]:
    rng = np.random.default_rng(0)
    batch = open_environment(task, num_environments=NUM, rng=rng)
    recorder = BatchRecorder(
        task,
        incarnation="life",
        elapsed_steps=steps_already_taken(task, NUM, is_staggered=True),
        recorded_rows=batch.recorded_rows,
        rng=np.random.default_rng(1),
        num_segments_per_episode=1,
    )
    policy, segments, sequence = _indifferent_policy(task), [], 0
    while len(segments) < count:
        rollout, trace = gather(
            batch, policy, sequence=sequence, policy_version=0, num_steps=50, rng=rng, num_threads=2
        )
        assert rollout.is_still is not None
        segments += recorder.record(trace).segments
        sequence += 1
    batch.close()
    return segments


def _live(recorded: RecordedSegment) -> int:
    """How many steps of a segment come before the end of its episode."""
    return int((~is_still(recorded.segment.actions)).sum())


def test_a_stored_clip_shows_where_the_cart_was_observed() -> None:
    """The black cart's middle is at 62.5 pixels a metre from the middle, 150, in each picture of every segment.

    Gymnasium shows 4.8 m on 600 pixels, and clips are half as wide. A segment may begin within a group of
    pictures, lie over several rollouts, and stand still for as long as is left of it.
    """
    task = get_task("CartPole-v1")
    renderer = open_renderer(task, backend="none")
    for recorded in _gather_segments(task, count=4):
        stored = decode_segment(encode_segment(recorded, task), task=task)
        np.testing.assert_array_equal(stored.observations, recorded.segment.observations)
        assert stored.num_steps == 75
        assert stored.num_still_steps == 75 - _live(recorded)
        frames = list(
            renderer.render(
                stored.footage, num_steps=stored.num_steps, num_still_steps=stored.num_still_steps
            )
        )
        first = next(step for step in stored.footage["picture_steps"].tolist() if step >= 0)
        assert len(frames) == len(range(first, 75, 2))
        for step, frame in zip(range(first, 75, 2), frames, strict=True):
            # Of the cart, the row 5 pixels above the track, which the pole never crosses; without the frame of an end.
            black = 10 + np.flatnonzero((frame[154, 10:-10] == 0).all(axis=-1))
            assert len(black) > 10
            middle = 150 + 62.5 * float(stored.observations[step, 0])
            assert abs(black.mean() - middle) < 1.5


def test_an_end_is_marked_and_shown_for_half_a_second_at_least() -> None:
    """Grey in a dark frame from the end on and at no other time, and nothing moves any more."""
    task = get_task("CartPole-v1")
    renderer = open_renderer(task, backend="none")
    for recorded in _gather_segments(task, count=6):
        num_live = _live(recorded)
        assert 75 - num_live >= 25
        frames = list(renderer.render(recorded.footage, num_steps=75, num_still_steps=75 - num_live))
        first = 75 - 1 - 2 * (len(frames) - 1) - (75 - 1 - recorded.footage["picture_steps"].max()) % 2
        steps = range(int(first), 75, 2)
        is_marked = [
            (frame[0] == (24, 27, 31)).all() and np.ptp(frame, axis=-1).max() <= 7 for frame in frames
        ]
        assert is_marked == [step >= num_live for step in steps]
        still = [frame for frame, is_end in zip(frames, is_marked, strict=True) if is_end]
        assert all((frame == still[0]).all() for frame in still)


def test_an_end_costs_the_true_reward_what_it_costs_the_task() -> None:
    """CartPole pays 1 a step as long as the pole is up, and nothing for the rest of the episode."""
    for recorded in _gather_segments(get_task("CartPole-v1"), count=6):
        num_live = _live(recorded)
        expected = [1.0] * num_live + [0.0] * (75 - num_live)
        assert recorded.true_rewards.tolist() == expected
        assert recorded.true_return == num_live < 75


def test_no_segment_reaches_into_the_next_episode() -> None:
    """A cart moves less than 10 cm a step; at a new beginning it is elsewhere. After the end nothing is executed."""
    for recorded in _gather_segments(get_task("CartPole-v1"), count=12):
        num_live, seen = _live(recorded), recorded.segment.observations
        assert np.abs(np.diff(seen[:, 0])).max() < 0.1
        assert (seen[num_live:] == seen[num_live]).all()
        assert np.abs(seen[num_live, 2]) > 0.2095  # the angle at which CartPole ends
        assert np.abs(seen[:num_live, 2]).max() <= 0.2095
        assert (recorded.segment.actions[num_live:] == -1).all()
        assert (recorded.segment.actions[:num_live] >= 0).all()


def test_short_episodes_are_shown_from_their_beginning() -> None:
    """So that a segment is about what was done, not about when it was cut: the cart begins within 5 cm and upright."""
    for recorded in _gather_segments(get_task("CartPole-v1"), count=12):
        assert np.abs(recorded.segment.observations[0]).max() <= 0.05


def test_kept_episode_ends_with_its_still_moment() -> None:
    """An evaluation's best episode is its steps and half a second, not the episodes after it."""
    task = get_task("CartPole-v1")
    evaluation = evaluate(_indifferent_policy(task), task, num_episodes=3, seed=0, is_stochastic=True)
    best = max(score.true_return for score in evaluation.scores)
    (kept,) = evaluation.best_episodes
    assert kept.true_return == best == _live(kept)
    assert len(kept.segment.actions) == best + 25
