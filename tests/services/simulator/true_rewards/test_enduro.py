"""Staying level with other cars pays, everything else pays less."""

from __future__ import annotations

import numpy as np
import pytest

from services.simulator.environments.atari.emulator import Emulator
from services.simulator.true_rewards.enduro import keep_even
from somersault.tasks import get_task

_NOTHING, _GAS = 0, 1  # Enduro's choices
_SPEED_AT, _LEVEL_AT = 22, 27


def _memory(*, speed: int, cars: tuple[int, ...]) -> np.ndarray:
    """Return the memory with cars at these of the seven positions ahead."""
    memory = np.zeros(128, np.uint8)
    memory[_SPEED_AT] = speed
    memory[[_LEVEL_AT + place for place in cars]] = 151
    return memory


@pytest.mark.parametrize(
    ("speed", "cars", "reward"),
    [
        (24, (0,), 1.0),
        (24, (0, 3), 1.0),
        (24, (3, 5), 4 / 7),
        (24, (6,), 1 / 7),
        (24, (), 0.0),
        (27, (0,), 5 / 6),
        (21, (0,), 5 / 6),
        (30, (2,), 5 / 7 * 2 / 3),
        (6, (0,), 0.0),
        (100, (0,), 0.0),
    ],
)
def test_nearness_times_evenness_of_speed(speed: int, cars: tuple[int, ...], reward: float) -> None:
    """Computed by hand: (7 - k) / 7 for the nearest car, 1/18 less for each unit of speed off 24."""
    assert keep_even(_memory(speed=speed, cars=cars)) == pytest.approx(reward)


def test_a_real_game_pays_for_driving_beside_a_car_and_not_for_passing_it() -> None:
    """At the others' speed the car beside stays and each step pays 1; a little faster it falls behind."""
    task = get_task("enduro-keep-even")
    emulator = Emulator(task)
    emulator.begin(seed=5, num_start_frames=0)
    for _ in range(60):
        emulator.step(_GAS if emulator.memory[_SPEED_AT] < 24 else _NOTHING)
    even = [_step(emulator, _NOTHING) for _ in range(30)]
    assert even == [1.0] * 30
    for _ in range(3):
        emulator.step(_GAS)
    passing = [_step(emulator, _NOTHING) for _ in range(60)]
    assert max(passing) < 1
    assert passing[-1] < 0.5


def _step(emulator: Emulator, action: int) -> float:
    emulator.step(action)
    return keep_even(emulator.memory)
