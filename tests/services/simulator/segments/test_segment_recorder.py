"""Offsets of segments share out an episode."""

from __future__ import annotations

import numpy as np

from services.simulator.segments.segment_recorder import draw_offsets


def test_offsets_fit_without_overlap() -> None:
    """Two segments of 188 in 400 steps begin 188 or more apart and end by 400."""
    rng = np.random.default_rng(0)
    firsts = set()
    for _ in range(10_000):
        first, second = draw_offsets(rng, episode_steps=400, segment_steps=188, num_segments=2)
        assert 0 <= first <= second - 188 <= 24
        firsts.add(first)
    assert firsts == set(range(25))


def test_only_as_many_offsets_as_fit() -> None:
    """A rest of 200 steps takes one segment of 188, one of 100 none."""
    rng = np.random.default_rng(0)
    assert len(draw_offsets(rng, episode_steps=200, segment_steps=188, num_segments=2)) == 1
    assert draw_offsets(rng, episode_steps=100, segment_steps=188, num_segments=2) == []
