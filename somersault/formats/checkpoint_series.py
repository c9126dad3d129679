"""The numbered checkpoints of one service: which is gone on from, which are kept, and what is nobody's business here.

A damaged checkpoint costs what was learned since the one before, and nothing else. It stays where it is, so that somebody
can find out what happened; numbers go on after its own, so that nothing is ever stored over it or sorted below it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from somersault.domain.arrays import find_not_finite
from somersault.errors import CorruptDataError, NotFoundError, ResourceExhaustedError
from somersault.formats.checkpoint import Checkpoint, pack, unpack
from somersault.runtime.failpoints import failpoint
from somersault.storage import ObjectStore

__all__ = ["CheckpointSeries"]

_log = structlog.get_logger()

_NUM_KEPT = 3
_DAMAGED = "damaged"
"""The fact that names the numbers of damaged ones, which later lives leave alone too. A sound series has no such fact."""
_MAX_DAMAGED = 1000
_NAME = re.compile(r"([0-9]{12}|[1-9][0-9]{12,17})\.safetensors")

T = TypeVar("T")


class CheckpointSeries:
    """The checkpoints under one prefix. Blocking: call it from a thread, one call at a time."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        """Open a series; nothing is read or written yet."""
        self._store = store
        self._prefix = prefix
        self._damaged: set[int] = set()
        self._newest: int | None = None
        self._asked: int | None = None
        """The number last asked for; the same state stored again replaces itself."""
        self.fall_back: str | None = None
        """What `restore` passed over and what it went on from, in a sentence; None if the newest was sound."""

    @property
    def newest_number(self) -> int | None:
        """The highest number that was ever found or stored, whether sound or damaged; None before the first."""
        return self._newest

    def save(self, saved: Checkpoint, *, number: int) -> str:
        """Store a checkpoint, then forget all but the newest three and those that are damaged; return its key.

        Args:
            saved: The checkpoint.
            number: Its number. After a fall back it may be lower than one that is there already: then the number after
                that is taken.

        Raises:
            CorruptDataError: A number in it isn't finite; nothing is stored.
        """
        name = find_not_finite(saved.arrays)
        if name is not None:
            raise CorruptDataError(f"the checkpoint isn't stored: {name} holds a number that isn't finite")
        facts = saved.facts
        if self._damaged:
            facts = {**facts, _DAMAGED: sorted(self._damaged)}
        taken = self._number_for(number)
        key = self._key(taken)
        self._store.put(key, pack(Checkpoint(arrays=saved.arrays, facts=facts)))
        failpoint("checkpoint.stored")
        self._asked, self._newest = number, taken
        self._prune()
        return key

    def restore(self, use: Callable[[Checkpoint], T]) -> T | None:
        """Return what ``use`` makes of the newest sound checkpoint, or None if there is none at all.

        Args:
            use: Reads a checkpoint; it may be called again, with the one before, after it raised `CorruptDataError`.

        Raises:
            CorruptDataError: There are some and none can be trusted; the message names them.
            UnavailableError: The store can't be read right now.
        """
        numbers = self._numbers(tells=True)
        self._newest = max(numbers, default=None)
        problems: list[str] = []
        for number in sorted(numbers, reverse=True):
            try:
                used = self._use(number, use)
            except NotFoundError:
                continue
            except (CorruptDataError, ResourceExhaustedError) as error:
                self._damaged.add(number)
                problems.append(f"{self._key(number)} is damaged ({error})")
                _log.error("checkpoint_damaged", key=self._key(number), detail=str(error))
                continue
            self._note_fall_back(problems, number)
            return used
        if not problems:
            return None
        raise CorruptDataError(f"no checkpoint can be gone on from: {'; '.join(problems)}")

    def _use(self, number: int, use: Callable[[Checkpoint], T]) -> T:
        saved = unpack(self._store.get(self._key(number)))
        name = find_not_finite(saved.arrays)
        if name is not None:
            raise CorruptDataError(f"{name} holds a number that isn't finite")
        used = use(saved)
        self._damaged |= _damaged_of(saved.facts)
        return used

    def _note_fall_back(self, problems: list[str], number: int) -> None:
        if problems:
            self.fall_back = f"checkpoint {'; '.join(problems)}; going on from {self._key(number)}"

    def _number_for(self, asked: int) -> int:
        """Return the number to store under: the one asked for, unless it is taken or an earlier branch has come further."""
        newest = max(self._numbers(), default=-1) if self._newest is None else self._newest
        if asked == self._asked or (asked == newest and newest not in self._damaged):
            return newest
        return max(asked, newest + 1)

    def _prune(self) -> None:
        kept = [number for number in self._numbers() if number not in self._damaged]
        for number in sorted(kept)[:-_NUM_KEPT]:
            self._store.delete(self._key(number))

    def _numbers(self, *, tells: bool = False) -> list[int]:
        """Return the numbers of all checkpoints; an object of any other name is left alone."""
        numbers = []
        for key in self._store.list(self._prefix):
            match = _NAME.fullmatch(key.removeprefix(self._prefix))
            if match:
                numbers.append(int(match[1]))
            elif tells:
                _log.warning("unknown_object_left_alone", key=key)
        return numbers

    def _key(self, number: int) -> str:
        return f"{self._prefix}{number:012d}.safetensors"


def _damaged_of(facts: dict[str, Any]) -> set[int]:
    said = facts.get(_DAMAGED, [])
    if not isinstance(said, list) or not all(type(number) is int for number in said[:_MAX_DAMAGED]):
        raise CorruptDataError("its list of damaged checkpoints isn't one")
    return set(said[:_MAX_DAMAGED])
