"""Segments of an environment that is only known by its Gymnasium id, from gathering to a drawn clip."""

from __future__ import annotations

import numpy as np

from services.simulator.drawers import open_drawer
from services.simulator.environment import open_environment, steps_already_taken
from services.simulator.episodes import EpisodeRecorder
from services.simulator.policy import Policy
from services.simulator.rollout import gather
from services.simulator.segment_format import decode_segment, encode_segment
from services.simulator.segments import RecordedSegment
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
    recorder = EpisodeRecorder(
        task,
        incarnation="life",
        elapsed_steps=steps_already_taken(task, NUM, is_staggered=True),
        filmed_rows=batch.filmed_rows,
        rng=np.random.default_rng(1),
        num_segments_per_episode=1,
    )
    policy, segments, sequence = _indifferent_policy(task), [], 0
    while len(segments) < count:
        rollout, trace = gather(
            batch, policy, sequence=sequence, policy_version=0, num_steps=50, rng=rng, num_threads=2
        )
        assert rollout.is_truncated.sum() == 0
        segments += recorder.record(trace).segments
        sequence += 1
    batch.close()
    return segments


def test_a_stored_clip_shows_where_the_cart_was_observed() -> None:
    """The black cart's middle is at 62.5 pixels a metre from the middle, 150, in each picture of every segment.

    Gymnasium draws 4.8 m on 600 pixels, and clips are half as wide. A segment may begin within a group of
    pictures, lie over several rollouts, and hold the end of an episode.
    """
    task = get_task("CartPole-v1")
    drawer = open_drawer(task, backend="none")
    for recorded in _gather_segments(task, count=4):
        stored = decode_segment(encode_segment(recorded, task), task=task)
        np.testing.assert_array_equal(stored.observations, recorded.segment.observations)
        assert stored.num_steps == 75
        steps = [step for step in stored.footage["picture_steps"].tolist() if step >= 0]
        assert np.diff(steps).tolist() == [2] * (len(steps) - 1)
        assert 0 <= steps[0] <= 1
        assert 73 <= steps[-1] <= 74
        frames = list(drawer.draw(stored.footage, num_steps=stored.num_steps))
        for step, frame in zip(steps, frames, strict=True):
            # Of the cart, the row 5 pixels above the track, which the pole never crosses.
            black = np.flatnonzero((frame[154] == 0).all(axis=-1))
            assert len(black) > 10
            middle = 150 + 62.5 * float(stored.observations[step, 0])
            assert abs(black.mean() - middle) < 1.5
