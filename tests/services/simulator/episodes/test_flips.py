"""Flips and landed flips of torso paths made by hand."""

from __future__ import annotations

import numpy as np

from services.simulator.episodes.flips import count_flips, count_landed_flips

TURN = 2 * np.pi


def _path(*angles: float, height: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    """A path through these angles, fifty steps between each two, at one height."""
    corners = np.arange(len(angles)) * 50
    path = np.interp(np.arange(corners[-1] + 1), corners, angles)
    return path, np.full(len(path), height)


def test_backward_turns_are_positive_flips() -> None:
    """Two and a half turns with the angle falling are 2.5 flips; the start's angle does not matter."""
    assert count_flips(_path(0.3, 0.3 - 2.5 * TURN)[0]) == 2.5


def test_forward_turns_are_negative_flips() -> None:
    """One turn forwards is -1 flip."""
    assert count_flips(_path(0, TURN)[0]) == -1


def test_swaying_cancels_out() -> None:
    """A turn back and a turn forth leave nothing."""
    assert count_flips(_path(0, -TURN, 0)[0]) == 0


def test_each_whole_turn_upright_and_high_is_landed() -> None:
    """Two and a half high turns land two."""
    assert count_landed_flips(*_path(0, -2.5 * TURN)) == 2


def test_a_turn_within_thirty_degrees_of_whole_is_landed() -> None:
    """331 degrees count, 329 do not."""
    assert count_landed_flips(*_path(0, -TURN * 331 / 360)) == 1
    assert count_landed_flips(*_path(0, -TURN * 329 / 360)) == 0


def test_rolling_on_the_floor_lands_nothing() -> None:
    """Turns with the torso at 0.3 m are flips but not landed."""
    angles, heights = _path(0, -3 * TURN, height=0.3)
    assert count_flips(angles) == 3
    assert count_landed_flips(angles, heights) == 0


def test_going_to_and_fro_lands_a_turn_once() -> None:
    """The first turn counts once however often it is passed."""
    assert count_landed_flips(*_path(0, -TURN, 0, -TURN, 0, -TURN)) == 1


def test_standing_and_forward_turns_land_nothing() -> None:
    """Turn 0 is the start and turn -1 is forwards: neither is a backflip."""
    assert count_landed_flips(*_path(0, 0)) == 0
    assert count_landed_flips(*_path(0, 2 * TURN)) == 0
