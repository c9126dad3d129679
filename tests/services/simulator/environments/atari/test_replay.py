"""Segments are shown again exactly as they were played."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from services.simulator.environments.atari import batch as atari
from services.simulator.environments.atari import replay as atari_replay
from services.simulator.environments.atari.replay import GameReplayer, replay_observations
from somersault.errors import CorruptDataError
from somersault.tasks import Task, get_task
from tests.services.simulator.environments.atari.atari_play import open_games, play, random_actions

T, F = 25, 4
PASSAGE_STEPS, NUM_PASSAGES = 100, 5


def _play_passages(task: Task, *, num: int) -> tuple[np.ndarray, list[Any]]:
    """Return the frames ``[F - 1 + all steps, N, H, W]``, the first one repeated, and the passages."""
    batch = open_games(task, num=num)
    actions = random_actions(task, steps=PASSAGE_STEPS * NUM_PASSAGES, num=num)
    pieces, passages = [], []
    for number in range(NUM_PASSAGES):
        frames, passage = play(batch, actions[number * PASSAGE_STEPS :][:PASSAGE_STEPS])
        pieces.append(frames[:-1])
        passages.append(passage)
    whole = np.concatenate(pieces)
    return np.concatenate([np.repeat(whole[:1], F - 1, axis=0), whole]), passages


def _footage(passages: list[Any], row: int, begin: int) -> Mapping[str, np.ndarray]:
    """Return the footage of the segment that begins with this step of all."""
    parts = []
    for number, passage in enumerate(passages):
        first, last = (
            np.clip(step - number * PASSAGE_STEPS, 0, PASSAGE_STEPS) for step in (begin, begin + T)
        )
        if first < last:
            parts.append(passage.footage.part(row, int(first), int(last)))
    return passages[-1].footage.join(parts)


def _assert_replayed(task: Task, frames: np.ndarray, passages: list[Any], *, row: int, begin: int) -> None:
    replayed = replay_observations(_footage(passages, row, begin), task, num_steps=T)
    np.testing.assert_array_equal(replayed, frames[begin : begin + T + F - 1, row])


def test_segments_are_replayed_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run's first steps; over the end of a passage; over the end of a game, or just after; late in a game."""
    monkeypatch.setattr(atari, "_CARTRIDGE_STEPS", 200)
    task = get_task("breakout")
    frames, passages = _play_passages(task, num=2)
    is_over = np.concatenate([passage.is_over for passage in passages])
    row = int(is_over.sum(axis=0).argmax())
    overs = np.flatnonzero(is_over[:, row])
    assert len(overs) >= 2
    assert overs[1] + T < PASSAGE_STEPS * NUM_PASSAGES
    for begin in (0, PASSAGE_STEPS - 10, overs[0] - 12, overs[1] - 12, overs[0] + 2, overs[1] - T):
        _assert_replayed(task, frames, passages, row=row, begin=int(begin))


def test_games_that_remember_the_last_are_replayed_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """BeamRider's next game begins differently from its first: the games since the cartridge was inserted count."""
    monkeypatch.setattr(atari, "_CARTRIDGE_STEPS", 150)
    task = dataclasses.replace(get_task("beamrider"), episode_steps=60)
    frames, passages = _play_passages(task, num=1)
    footage = _footage(passages, 0, 220)
    # Games of 60 steps: the cartridge is put in anew at 180, the first end of a game from 150 on.
    assert footage["games"][:, 0].tolist() == [0, 60]
    assert (footage["games"][:, 1] == -1).tolist() == [False, True]
    for begin in (70, 130, 170, 220, 350):
        _assert_replayed(task, frames, passages, row=0, begin=begin)


def test_pictures_for_people_show_the_steps_that_were_played() -> None:
    """Each coloured picture, made grey and small, is nearest to the frame that the agent saw after that step."""
    task = dataclasses.replace(get_task("pong"), episode_steps=90)
    frames, passages = _play_passages(task, num=1)
    begin = 195  # 15 steps into the third game, over the end of a passage
    pictures = np.array(list(GameReplayer(task).replay(_footage(passages, 0, begin), num_steps=T)))
    assert pictures.shape == (T, 210, 160, 3)
    seen = frames[F - 1 :, 0][begin + 1 : begin + 1 + T, 9:].astype(float)
    grey = (pictures @ np.array([0.299, 0.587, 0.114])) @ _shrinking(160)
    small = np.einsum("hr,thw->trw", _shrinking(210), grey)[:, 9:]
    distances = np.abs(small[:, None] - seen[None]).mean(axis=(2, 3))
    assert distances.argmin(axis=1).tolist() == list(range(T))
    assert pictures[:, :22].any(axis=(1, 2, 3)).all()  # the score is shown


def test_what_was_played_before_is_not_played_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of two games, in any order: the same pictures as from the beginning, in fewer steps."""
    monkeypatch.setattr(atari, "_CARTRIDGE_STEPS", 450)
    monkeypatch.setattr(atari_replay, "_STATE_STEPS", 50)
    task = dataclasses.replace(get_task("beamrider"), episode_steps=130)
    _, passages = _play_passages(task, num=2)
    replayer = GameReplayer(task)
    # From the beginning; at first for each game. Then from 200, 50, 150, 200 and 350.
    places = {
        (0, 200): 225,
        (1, 210): 235,
        (0, 340): 165,
        (1, 60): 35,
        (0, 170): 45,
        (1, 460): 285,
        (0, 460): 135,
    }
    for (row, begin), num_steps in places.items():
        footage = _footage(passages, row, begin)
        before = replayer.num_steps_played
        pictures = list(replayer.replay(footage, num_steps=T))
        np.testing.assert_array_equal(pictures, list(GameReplayer(task).replay(footage, num_steps=T)))
        assert replayer.num_steps_played - before == num_steps


def test_no_more_states_are_kept_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one unused for longest is forgotten; the pictures stay the same."""
    monkeypatch.setattr(atari_replay, "_STATE_STEPS", 50)
    monkeypatch.setattr(atari_replay, "_MAX_STATES", 2)
    task = get_task("pong")
    _, passages = _play_passages(task, num=1)
    replayer = GameReplayer(task)
    # Of 50, 100, 150 and 200 the last two are kept; from 200; nothing is left of the beginning.
    for begin, num_steps in ((200, 225), (210, 35), (60, 85)):
        before = replayer.num_steps_played
        list(replayer.replay(_footage(passages, 0, begin), num_steps=T))
        assert replayer.num_steps_played - before == num_steps


def _shrinking(size: int) -> np.ndarray:
    """Return ``[size, 84]``: how much of each row of the screen each row of a frame averages."""
    edges = np.linspace(0, size, 85)
    rows = np.arange(size)[:, None]
    return np.clip(np.minimum(rows + 1, edges[1:]) - np.maximum(rows, edges[:-1]), 0, None) * 84 / size


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log": np.array([0, 1, 6] * 10, np.uint8)}, "action 6, must be below 6"),
        ({"log": np.zeros(24, np.uint8)}, "log has 24 actions, must have at least 25"),
        ({"games": np.zeros((0, 3), np.int64)}, "games begin at"),
        ({"games": np.array([[1, 5, 5]])}, "games begin at"),
        ({"games": np.array([[0, -1, 5]])}, "games begin at"),
        ({"games": np.array([[0, 5, 5], [30, -1, 5]])}, "games begin at"),
        ({"games": np.array([[0, 1 << 31, 5]])}, "seeds"),
        ({"games": np.array([[0, 5, 1_000_000]])}, "start frames"),
    ],
)
def test_what_is_no_log_of_the_game_is_refused(changes: dict[str, np.ndarray], message: str) -> None:
    """The error says what is wrong, before anything is played."""
    footage = {"log": np.zeros(30, np.uint8), "games": np.array([[0, 5, 5]])} | changes
    with pytest.raises(CorruptDataError, match=message):
        next(iter(GameReplayer(get_task("pong")).replay(footage, num_steps=T)))
