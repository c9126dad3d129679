"""Replays a stored segment from its log: in colour for people, or exactly as the agent saw it.

Shapes: T steps of a segment, F frames of an observation, L steps in a log, G games that begin in it.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.simulator.environments.atari.emulator import SAME_CARTRIDGE, Emulator
from somersault.environments.atari_vector import MAX_START_FRAMES, hidden_rows, open_vector
from somersault.errors import CorruptDataError
from somersault.tasks import Task

__all__ = ["GameReplayer", "replay_observations"]

_MAX_SEED = 2**31 - 1
_STATE_STEPS = 250  # 50 ms of emulation
_MAX_STATES = 512  # 7 MB: 28 games of the longest


class GameReplayer:
    """Replays logs of one task, each from the latest saved state on its way.

    Segments of a long game share most of their logs. A saved state takes 14 kB.
    """

    def __init__(self, task: Task) -> None:
        """Start without any saved state."""
        self._task = task
        self._emulator = Emulator(task)
        self._states: OrderedDict[bytes, Any] = OrderedDict()
        self.num_steps_played = 0
        """Steps emulated so far, including those that aren't shown."""

    def replay(self, footage: Mapping[str, NDArray[Any]], *, num_steps: int) -> Iterator[NDArray[np.uint8]]:
        """Yield the picture after each of the last ``num_steps`` actions of a log.

        Args:
            footage: ``log [L]`` uint8 and ``games [G, 3]`` int64; see
                `services.simulator.environments.atari.footage`.
            num_steps: T.

        Yields:
            ``[210, 160, 3]`` uint8, the whole screen in colour, score included. When a step ends a game it is
            the last picture of the old game; the agent is shown the first of the new one instead.

        Raises:
            CorruptDataError: The arrays aren't a log of this game.
        """
        log, starts = _check(footage, self._task, num_steps=num_steps)
        names = _state_names(log, starts)
        first_shown = len(log) - num_steps
        for index in range(self._restore(names, first_shown), len(log)):
            if index in starts:
                seed, num_start_frames = starts[index]
                self._emulator.begin(seed=seed, num_start_frames=num_start_frames)
            action = int(log[index])
            self.num_steps_played += 1
            if index < first_shown:
                self._emulator.step(action)
            else:
                yield self._emulator.step_on_screen(action)
            if index + 1 in names:
                self._keep(names[index + 1])

    def _restore(self, names: Mapping[int, bytes], first_shown: int) -> int:
        """Restore the latest saved state before the first picture shown; return how many actions lead to it."""
        for num_actions in sorted(names, reverse=True):
            state = self._states.get(names[num_actions])
            if state is not None and num_actions <= first_shown:
                self._states.move_to_end(names[num_actions])
                self._emulator.restore_state(state)
                return num_actions
        return 0

    def _keep(self, name: bytes) -> None:
        self._states[name] = self._emulator.save_state()
        if len(self._states) > _MAX_STATES:
            self._states.popitem(last=False)


def _state_names(log: NDArray[np.uint8], starts: Mapping[int, tuple[int, int]]) -> dict[int, bytes]:
    """Return a name for the state after every 250 actions: a digest of all that led there.

    Two logs that agree so far give it the same name.
    """
    names = {}
    for num_actions in range(_STATE_STEPS, len(log) + 1, _STATE_STEPS):
        begun = sorted((begin, *start) for begin, start in starts.items() if begin < num_actions)
        digest = hashlib.blake2b(log[:num_actions].tobytes(), person=b"moment", digest_size=16)
        digest.update(repr(begun).encode())
        names[num_actions] = digest.digest()
    return names


def replay_observations(
    footage: Mapping[str, NDArray[Any]], task: Task, *, num_steps: int
) -> NDArray[np.uint8]:
    """Return the frames of a segment just as the agent saw them, without what was hidden from it.

    Args:
        footage: See `GameReplayer.replay`.
        task: Whose segment it is.
        num_steps: T.

    Returns:
        ``[T + F - 1, *frame]`` uint8. In place of frames from before the first game stands that game's first.

    Raises:
        CorruptDataError: The arrays aren't a log of this game.
    """
    log, starts = _check(footage, task, num_steps=num_steps)
    num_shown = num_steps + task.num_frames - 1
    vector = open_vector(task, num_environments=1)
    frames: list[NDArray[np.uint8]] = []
    for index in range(len(log)):
        if index in starts:
            frame, _ = vector.reset(seed=np.array([starts[index][0]]))
        else:
            frame, *_ = vector.step(log[index - 1 : index].astype(np.int32))
        if index >= len(log) - num_shown:
            frames.append(frame)
    frames = [frames[0]] * (num_shown - len(frames)) + frames
    shown = np.concatenate(frames).reshape(num_shown, *task.frame_shape)
    for rows in hidden_rows(task):
        shown[:, rows] = 0
    return shown


def _check(
    footage: Mapping[str, NDArray[Any]], task: Task, *, num_steps: int
) -> tuple[NDArray[np.uint8], dict[int, tuple[int, int]]]:
    """Return the log and, by the index of its first action, each game's seed and number of start frames.

    Raises:
        CorruptDataError: See `GameReplayer.replay`.
    """
    log, games = footage["log"], footage["games"]
    if not 1 <= num_steps <= len(log):
        raise CorruptDataError(
            f"log has {len(log)} actions, must have at least {num_steps}, one per step of the segment"
        )
    if log.max() >= task.num_actions:
        raise CorruptDataError(f"log has action {log.max()}, must be below {task.num_actions}")
    begins, seeds, start_frames = games.T
    if (
        not len(begins)
        or begins[0] != 0
        or seeds[0] == SAME_CARTRIDGE
        or np.any(np.diff(begins) <= 0)
        or begins[-1] >= len(log)
    ):
        raise CorruptDataError(
            f"games begin at {begins.tolist()}, must begin with a cartridge at 0 and ascend within {len(log)} actions"
        )
    if seeds.min() < SAME_CARTRIDGE or seeds.max() > _MAX_SEED:
        raise CorruptDataError(f"seeds are {seeds.tolist()}, must be {SAME_CARTRIDGE} to {_MAX_SEED}")
    if start_frames.min() < 0 or start_frames.max() > MAX_START_FRAMES:
        raise CorruptDataError(f"start frames are {start_frames.tolist()}, must be 0 to {MAX_START_FRAMES}")
    return log, {int(begin): (int(seed), int(num)) for begin, seed, num in games}
