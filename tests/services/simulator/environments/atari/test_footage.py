"""A log holds what play depends on, and no more."""

from __future__ import annotations

import numpy as np

from services.simulator.environments.atari.emulator import SAME_CARTRIDGE
from services.simulator.environments.atari.footage import AtariFootage, GameLog, footage_layout
from somersault.tasks import get_task

NUM_FRAMES = 4


def _log(*games: tuple[int, int], num_actions: int) -> GameLog:
    """Return a log of actions 0, 1, 2 … with games at ``(begin, seed)``, each with 10 + begin start frames."""
    log, begins = GameLog(NUM_FRAMES), dict(games)
    for action in range(num_actions):
        if action in begins:
            log.begin_game(seed=begins[action], num_start_frames=10 + action)
        log.actions.append(action)
    return log


def _part(log: GameLog, begin: int, end: int, *, num_steps: int) -> dict[str, object]:
    footage = AtariFootage([log.snapshot(num_steps)], NUM_FRAMES)
    return {name: array.tolist() for name, array in footage.part(0, begin, end).items()}


def test_a_part_begins_with_the_cartridge_of_its_oldest_frame() -> None:
    """Steps 11 and 12 show frames from 8 on: of the game that began at 6 with the cartridge of 4."""
    log = _log((0, 70), (4, 71), (6, SAME_CARTRIDGE), (12, 72), num_actions=20)
    part = _part(log, 11, 13, num_steps=20)
    assert part["log"] == [4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert part["games"] == [[0, 71, 14], [2, SAME_CARTRIDGE, 16], [8, 72, 22]]
    assert part["num_steps"] == 2


def test_frames_of_the_game_before_are_kept() -> None:
    """Step 4 shows frames 1 to 4: the game that ended with step 3 is needed, by step 7 it is not."""
    log = _log((0, 70), (4, 71), num_actions=10)
    assert _part(log, 4, 5, num_steps=10)["games"] == [[0, 70, 10], [4, 71, 14]]
    assert _part(log, 7, 8, num_steps=10)["games"] == [[0, 71, 14]]


def test_parts_of_two_passages_join_to_one_log() -> None:
    """The second part adds its own steps and the games that began in them, though its log was trimmed."""
    log = _log((0, 70), (6, 71), num_actions=10)
    footage = AtariFootage([log.snapshot(10)], NUM_FRAMES)
    first = footage.part(0, 9, 10)  # frames from 6 on
    log.trim()
    log.actions += bytes([10])
    log.begin_game(seed=72, num_start_frames=9)
    log.actions += bytes([11, 12])
    second = AtariFootage([log.snapshot(3)], NUM_FRAMES).part(0, 0, 2)
    joined = footage.join([first, second])
    assert joined["log"].tolist() == [6, 7, 8, 9, 10, 11]
    assert joined["games"].tolist() == [[0, 71, 16], [5, 72, 9]]


def test_a_log_forgets_what_play_no_longer_depends_on() -> None:
    """Of three cartridges that of the oldest frame in view stays, with all games since."""
    log = _log((0, 70), (4, 71), (9, SAME_CARTRIDGE), (13, 72), num_actions=15)
    log.trim()  # the next action's frames are 12 to 15
    assert bytes(log.actions) == bytes(range(4, 15))
    assert [(game.begin, game.seed) for game in log.games] == [(0, 71), (5, SAME_CARTRIDGE), (9, 72)]
    assert log.num_steps_since_cartridge == 2


def test_stored_arrays_are_as_declared() -> None:
    """The layout names what ``join`` gives, with its types."""
    log = _log((0, 70), num_actions=5)
    footage = AtariFootage([log.snapshot(5)], NUM_FRAMES)
    joined = footage.join([footage.part(0, 1, 4)])
    layout = footage_layout(get_task("pong"))
    assert joined.keys() == layout.keys()
    types = {"U8": np.uint8, "I64": np.int64}
    for name, (dtype, shape) in layout.items():
        assert joined[name].dtype == types[dtype]
        assert joined[name].ndim == len(shape)
