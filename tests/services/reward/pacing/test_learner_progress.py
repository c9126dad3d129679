"""How fast the learner goes, leaving aside its waits for labels."""

from __future__ import annotations

import pytest

from services.reward.pacing.learner_progress import LearnerSpeed


def test_there_is_no_speed_before_the_learner_has_moved() -> None:
    """One report isn't enough."""
    speed = LearnerSpeed()
    assert speed.env_steps_per_s is None
    speed.note(0, now_s=1.0)
    speed.note(0, now_s=2.0)
    assert speed.env_steps_per_s is None


def test_a_long_wait_for_labels_does_not_count() -> None:
    """Rollouts of 100 steps, each in 2 s but one in 600 s: 50 steps a second."""
    speed = LearnerSpeed()
    times = [0.0, 2.0, 4.0, 604.0, 606.0, 608.0]
    for number, now_s in enumerate(times):
        speed.note(100 * number, now_s=now_s)
    assert speed.env_steps_per_s == pytest.approx(50.0)


def test_a_learner_that_falls_back_is_measured_from_there() -> None:
    """A restart at its checkpoint doesn't make the speed negative."""
    speed = LearnerSpeed()
    for env_steps, now_s in ((0, 0.0), (100, 1.0), (40, 9.0), (140, 10.0)):
        speed.note(env_steps, now_s=now_s)
    assert speed.env_steps_per_s == pytest.approx(100.0)


def test_the_jump_to_the_checkpoint_does_not_count() -> None:
    """A resumed learner reports 0, then 250,000 five seconds later: no learner takes 50,000 steps a second."""
    speed = LearnerSpeed()
    speed.note(0, now_s=0.0)
    speed.note(250_000, now_s=5.0)
    assert speed.env_steps_per_s is None
    speed.note(250_100, now_s=6.0)
    assert speed.env_steps_per_s == pytest.approx(100.0)


def test_an_old_speed_is_forgotten() -> None:
    """After 40 rollouts at 10 steps a second and 32 at 20, it is 20."""
    speed = LearnerSpeed()
    now_s = 0.0
    for number in range(73):
        now_s += 1.0 if number < 41 else 0.5
        speed.note(10 * number, now_s=now_s)
    assert speed.env_steps_per_s == pytest.approx(20.0)
