"""What a stretch of play is replayed from: every action since the cartridge was inserted, and where games began.

A segment's frames reach back F - 1 steps before its first action, so the log begins where the cartridge was
inserted for the game of the oldest of them. That is at most 9,000 steps of a byte each.

Shapes: T steps of a passage, L steps in a log, G games that begin in it, F frames of an observation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.simulator.environments.atari.emulator import SAME_CARTRIDGE
from somersault.tasks import Task

__all__ = ["AtariFootage", "Game", "GameLog", "footage_layout"]

Arrays = Mapping[str, NDArray[Any]]


def footage_layout(task: Task) -> Mapping[str, tuple[str, tuple[int | None, ...]]]:
    """Return name, safetensors dtype and shape of what is stored of a segment.

    ``log`` holds all actions since the first game began, the segment's own last. Each row of ``games`` is one
    game: the index of its first action, its seed (-1 if it was begun with the reset switch alone), and its
    number of start frames.
    """
    del task  # all games are logged alike
    return {"log": ("U8", (None,)), "games": ("I64", (None, 3))}


@dataclass(frozen=True, slots=True)
class Game:
    """How a game began."""

    begin: int
    """Index, in a log, of its first action."""
    seed: int
    """The one with which the cartridge was inserted, or `SAME_CARTRIDGE`."""
    num_start_frames: int


class GameLog:
    """One environment's play, as far back as the frames of its next passage depend on it."""

    def __init__(self, num_frames: int) -> None:
        """Begin empty, for observations of ``num_frames`` frames."""
        self.actions = bytearray()
        self.games: list[Game] = []
        self._num_frames = num_frames

    @property
    def num_steps_since_cartridge(self) -> int:
        """Steps since the cartridge was inserted."""
        return len(self.actions) - self.games[_cartridge_at(self.games, len(self.actions))].begin

    def begin_game(self, *, seed: int, num_start_frames: int) -> None:
        """Note that a game begins with the next action."""
        self.games.append(Game(len(self.actions), seed, num_start_frames))

    def snapshot(self, num_steps: int) -> _Stretch:
        """Return a copy of all that is kept; its newest ``num_steps`` actions are those of a passage."""
        return _Stretch(bytes(self.actions), tuple(self.games), len(self.actions) - num_steps)

    def trim(self) -> None:
        """Forget what no frame of the next action's observation depends on."""
        first = _cartridge_at(self.games, len(self.actions) - (self._num_frames - 1))
        shift = self.games[first].begin
        del self.actions[:shift]
        self.games = [Game(g.begin - shift, g.seed, g.num_start_frames) for g in self.games[first:]]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """An environment's log up to the end of a passage."""

    actions: bytes
    games: tuple[Game, ...]
    passage_begin: int
    """Index of the passage's first action."""

    def part(self, begin: int, end: int, *, num_frames: int) -> Arrays:
        """Return the log behind steps ``begin`` to ``end`` of the passage."""
        first_action, stop = self.passage_begin + begin, self.passage_begin + end
        start = self.games[_cartridge_at(self.games, first_action - (num_frames - 1))].begin
        games = [
            (game.begin - start, game.seed, game.num_start_frames)
            for game in self.games
            if start <= game.begin < stop
        ]
        return {
            "log": np.frombuffer(self.actions, np.uint8)[start:stop].copy(),
            "games": np.array(games, np.int64).reshape(-1, 3),
            "num_steps": np.array(end - begin),
        }


@dataclass(frozen=True, slots=True)
class AtariFootage:
    """The logs of one passage; a `Footage`."""

    stretches: Sequence[_Stretch]
    num_frames: int

    def part(self, row: int, begin: int, end: int) -> Arrays:
        """Return ``log``, ``games`` and ``num_steps``, how many actions of the log are the part's own."""
        return self.stretches[row].part(begin, end, num_frames=self.num_frames)

    def join(self, parts: Sequence[Arrays]) -> Arrays:
        """Return ``log [L]`` uint8 and ``games [G, 3]`` int64: the first part's, and what later ones add."""
        logs, games = [parts[0]["log"]], [parts[0]["games"]]
        length = len(logs[0])
        for part in parts[1:]:
            own_begin = len(part["log"]) - int(part["num_steps"])
            added = part["games"][part["games"][:, 0] >= own_begin]
            games.append(added + np.array([length - own_begin, 0, 0]))
            logs.append(part["log"][own_begin:])
            length += len(logs[-1])
        return {"log": np.concatenate(logs), "games": np.concatenate(games)}


def _cartridge_at(games: Sequence[Game], index: int) -> int:
    """Return the index of the newest game that had begun by this action with a new cartridge; 0 before all games."""
    fresh = (n for n, game in enumerate(games) if game.begin <= index and game.seed != SAME_CARTRIDGE)
    return max(fresh, default=0)
