"""Games are played on, and the agent is told nothing of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ale_py import ALEInterface, roms

from services.simulator.environments.atari.emulator import Emulator
from services.simulator.true_rewards.enduro import keep_even
from somersault.environments.atari_vector import hidden_rows, open_vector
from somersault.errors import InvalidInputError
from somersault.tasks import AtariEnvironment, Task, get_task, list_tasks
from tests.services.simulator.environments.atari.atari_play import open_games, play, random_actions

GAMES = [task for task in list_tasks() if isinstance(task.environment, AtariEnvironment)]


@pytest.fixture
def breakout() -> Task:
    """A game that is soon over."""
    return get_task("breakout")


@pytest.fixture
def short_pong() -> Task:
    """Pong whose games are ended after 40 steps."""
    return dataclasses.replace(get_task("pong"), episode_steps=40)


def test_a_game_is_the_same_whatever_is_played_beside_it(breakout: Task) -> None:
    """Four games in one lane, and the same four among seven in lanes of three and four: frames, rewards and ends."""
    actions = random_actions(breakout, steps=300, num=7)
    few, many = (open_games(breakout, num=num) for num in (4, 7))
    assert [lane.rows for lane in few.lanes] == [slice(0, 4)]
    assert [lane.rows for lane in many.lanes] == [slice(0, 3), slice(3, 7)]
    (frames, passage), (other_frames, other) = play(few, actions[:, :4]), play(many, actions)
    assert passage.is_over.any()
    np.testing.assert_array_equal(frames, other_frames[:, :4])
    np.testing.assert_array_equal(passage.true_rewards, other.true_rewards[:, :4])
    np.testing.assert_array_equal(passage.is_over, other.is_over[:, :4])


def test_another_seed_begins_other_games(breakout: Task) -> None:
    """The numbers of start frames are drawn from the batch's generator."""
    actions = random_actions(breakout, steps=20, num=2)
    frames, _ = play(open_games(breakout, num=2, seed=0), actions)
    other, _ = play(open_games(breakout, num=2, seed=1), actions)
    assert not np.array_equal(frames, other)


def test_a_game_over_begins_the_next_in_the_same_step(breakout: Task) -> None:
    """Breakout is over after five balls; then all bricks are back, and the agent isn't told."""
    batch = open_games(breakout, num=1)
    frames, passage = play(batch, random_actions(breakout, steps=400, num=1))
    over, *_ = np.flatnonzero(passage.is_over[:, 0])
    bricks = slice(23, 37)  # rows 57 to 93 of the screen, of 210 shrunk to 84
    np.testing.assert_array_equal(frames[over + 1, 0, bricks], frames[0, 0, bricks])
    assert passage.true_rewards[: over + 1].sum() > 0
    assert not np.array_equal(frames[over, 0, bricks], frames[0, 0, bricks])
    assert not passage.is_truncated.any()
    assert passage.final_observations.shape == (0, 84, 84)


def test_a_game_is_ended_at_its_longest(short_pong: Task) -> None:
    """With 40 steps a game, steps 40 and 80 end one; the last frames are those of the passage."""
    batch = open_games(short_pong, num=2)
    frames, passage = play(batch, random_actions(short_pong, steps=100, num=2))
    assert np.argwhere(passage.is_over).tolist() == [[39, 0], [39, 1], [79, 0], [79, 1]]
    observed = np.empty((2, 84, 84), np.uint8)
    batch.lanes[0].observe(observed)
    np.testing.assert_array_equal(observed, frames[-1])


def test_lost_lives_end_nothing(breakout: Task) -> None:
    """Five balls are lost in a game: far more than the ends of games."""
    vector = open_vector(breakout, num_environments=1)
    vector.reset(seed=0)
    num_lives = []
    for _ in range(100):
        _, _, is_over, _, told = vector.step(np.ones(1, np.int32))
        num_lives.append(int(told["lives"][0]))
        assert not is_over[0] or num_lives[-1] == 0
    assert num_lives[0] == 5
    assert 0 < min(num_lives) < 5


@pytest.mark.parametrize("task", GAMES, ids=lambda task: task.name)
def test_points_are_black_and_the_rest_is_as_emulated(task: Task) -> None:
    """The rows with points are shown by the emulator and black for the agent; all others are equal."""
    batch = open_games(task, num=1)
    actions = random_actions(task, steps=60, num=1)
    frames, passage = play(batch, actions)
    log = passage.footage.part(0, 0, 60)
    vector = open_vector(task, num_environments=1)
    shown = [vector.reset(seed=log["games"][0, 1:2])[0][0, 0]]
    shown += [vector.step(action)[0][0, 0].copy() for action in actions]
    whole = np.array(shown)
    for rows in hidden_rows(task):
        assert whole[:, rows].any()
        whole[:, rows] = 0
    np.testing.assert_array_equal(frames[:, 0], whole)


def test_hidden_rows_cover_every_row_that_shows_points() -> None:
    """210 rows shrink to 84, 2.5 to one: worked out by hand from where the points stand."""
    wanted = {
        "beamrider": (slice(0, 17), slice(72, 78)),
        "breakout": (slice(0, 7),),
        "enduro": (slice(62, 78),),
        "enduro-keep-even": (slice(62, 78),),
        "pong": (slice(0, 9),),
        "qbert": (slice(0, 6),),
        "seaquest": (slice(0, 13),),
        "spaceinvaders": (slice(0, 9),),
    }
    assert {task.name: hidden_rows(task) for task in GAMES} == wanted


def test_the_true_reward_is_the_change_of_the_score() -> None:
    """Qbert pays 25 for a cube: not clipped, equal to what a bare emulator counts in the same game."""
    task = get_task("qbert")
    batch = open_games(task, num=1)
    actions = random_actions(task, steps=200, num=1)
    _, passage = play(batch, actions)
    _, seed, num_start_frames = passage.footage.part(0, 0, 1)["games"][0].tolist()
    ale = ALEInterface()
    ale.setFloat("repeat_action_probability", 0.0)
    ale.setInt("random_seed", seed)
    ale.loadROM(roms.get_rom_path("qbert"))
    ale.reset_game()
    choices = ale.getMinimalActionSet()
    for frame in range(num_start_frames):
        ale.act(choices[1 if frame == 0 else 0])
    scores = [sum(ale.act(choices[action]) for _ in range(4)) for action in actions[:, 0]]
    assert max(scores) >= 25
    assert passage.true_rewards[:, 0].tolist() == scores


def test_keeping_even_is_read_from_the_memory_of_the_same_game() -> None:
    """Each reward is that of the memory which the game, played again alone, has after the step."""
    task = dataclasses.replace(get_task("enduro-keep-even"), episode_steps=60)
    actions = np.zeros((100, 2), np.int32)
    actions[:30] = 1  # the gas, until the car is faster than the others
    _, passage = play(open_games(task, num=2), actions)
    emulator = Emulator(task)
    footage = passage.footage.part(1, 0, 100)
    starts = {begin: (seed, num) for begin, seed, num in footage["games"].tolist()}
    assert list(starts) == [0, 60]
    for step, action in enumerate(footage["log"].tolist()):
        if step in starts:
            seed, num = starts[step]
            emulator.begin(seed=seed, num_start_frames=num)
        emulator.step(action)
        assert passage.true_rewards[step, 1] == np.float32(keep_even(emulator.memory))
    assert len(set(passage.true_rewards[:, 1].tolist())) > 5


def test_a_game_that_there_is_not_is_refused(breakout: Task) -> None:
    """The error names the game."""
    environment = AtariEnvironment(game="tennis_elbow", score_rows=())
    with pytest.raises(InvalidInputError, match="tennis_elbow"):
        open_games(dataclasses.replace(breakout, environment=environment))


def test_a_wrong_number_of_actions_is_refused(breakout: Task) -> None:
    """Breakout has four."""
    with pytest.raises(InvalidInputError, match=r"num_actions.*18.*4"):
        open_games(dataclasses.replace(breakout, num_actions=18))
