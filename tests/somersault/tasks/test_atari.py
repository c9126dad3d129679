"""The games are timed and counted as the paper has them."""

from __future__ import annotations

import pytest

from somersault.tasks import AtariEnvironment, Task, list_tasks

GAMES = [task for task in list_tasks() if isinstance(task.environment, AtariEnvironment)]


def test_the_papers_seven_games_and_keeping_even_are_there() -> None:
    """By the names of the article."""
    seven = ["beamrider", "breakout", "enduro", "pong", "qbert", "seaquest", "spaceinvaders"]
    assert sorted(task.name for task in GAMES) == sorted([*seven, "enduro-keep-even"])


@pytest.mark.parametrize("task", GAMES, ids=lambda task: task.name)
def test_segments_and_clips_are_timed_as_in_the_paper(task: Task) -> None:
    """25 steps of four frames at 60 a second: 1.7 s, shown at 15 frames a second; games end after five minutes."""
    assert task.segment_steps == 25
    assert task.spec.segment_s == pytest.approx(25 / 15)
    assert task.clip_fps == pytest.approx(15)
    assert task.episode_steps * task.step_s == pytest.approx(300)
    assert task.is_continuing
    assert (task.frame_shape, task.num_frames) == ((84, 84), 4)
