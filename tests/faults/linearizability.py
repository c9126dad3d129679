"""Checks histories of leases and answers: is there an order in which a correct labeler could have done what its clients saw?

One query at a time, by the search of Wing and Gong (1993) with memory of the states seen (Lowe, 2017), as in Porcupine. A query
wants ``target`` answers and may be promised to no more labelers than that at once. Operations overlap in time; one that ended
without a reply may have happened at any later moment, or never. A lease may end by itself once its time is over.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Operation", "check_history"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one client did to one query, and what it was told."""

    kind: Literal["lease", "submit", "revise", "release", "expire"]
    query_id: str
    token: str
    """Of the lease."""
    begin_s: float
    end_s: float = math.inf
    """Infinite without a reply."""
    answer_id: str = ""
    version: int = 1
    is_extra: bool | None = None
    """What the reply said of the answer; None without one."""
    lease_s: float = 0.0

    @property
    def has_reply(self) -> bool:
        """Whether it must have happened."""
        return self.end_s < math.inf


@dataclass(frozen=True, slots=True)
class _State:
    live: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    """Leases that expired and were neither answered nor released."""
    answers: frozenset[tuple[str, bool, int]] = frozenset()
    """Name, whether it is an extra, and version of each."""

    @property
    def num_filled(self) -> int:
        return sum(not is_extra for _, is_extra, _ in self.answers)


def check_history(operations: Iterable[Operation], *, target: int) -> list[str]:
    """Return the queries whose history no correct labeler could have made, with that history; nothing if there is none."""
    by_query: dict[str, list[Operation]] = defaultdict(list)
    for operation in operations:
        by_query[operation.query_id].append(operation)
    return [
        f"the history of {query_id} is not linearizable: {_told(some)}"
        for query_id, some in by_query.items()
        if not _is_linearizable([*some, *_expiries(some)], target=target)
    ]


def _expiries(operations: Iterable[Operation]) -> Iterator[Operation]:
    for one in operations:
        if one.kind == "lease":
            yield replace(one, kind="expire", begin_s=one.begin_s + one.lease_s, end_s=math.inf)


def _is_linearizable(operations: Sequence[Operation], *, target: int) -> bool:
    ordered = sorted(operations, key=lambda one: one.begin_s)
    required = sum(1 << index for index, one in enumerate(ordered) if one.has_reply)
    seen: set[tuple[int, _State]] = set()
    waiting = [(0, _State())]
    while waiting:
        done, state = waiting.pop()
        if (done, state) in seen:
            continue
        seen.add((done, state))
        if done & required == required:
            return True
        left = [index for index in range(len(ordered)) if not done >> index & 1]
        # Whatever has returned must come before whatever begins later.
        first_end_s = min(ordered[index].end_s for index in left)
        for index in left:
            if ordered[index].begin_s > first_end_s:
                break
            following = _after(state, ordered[index], target=target)
            waiting.extend((done | 1 << index, one) for one in following)
    return False


def _after(state: _State, one: Operation, *, target: int) -> Iterator[_State]:
    """Yield the states that a correct labeler may be in after an operation; none if it would have refused it."""
    if one.kind == "lease":
        if len(state.live) + state.num_filled < target:
            yield replace(state, live=state.live | {one.token})
    elif one.kind == "expire":
        if one.token in state.live:
            yield replace(state, live=state.live - {one.token}, ended=state.ended | {one.token})
    elif one.kind == "release":
        yield replace(state, live=state.live - {one.token}, ended=state.ended - {one.token})
    elif one.kind == "submit":
        yield from _after_submit(state, one, target=target)
    else:
        yield from _after_revise(state, one)


def _after_submit(state: _State, one: Operation, *, target: int) -> Iterator[_State]:
    known = {name: is_extra for name, is_extra, _ in state.answers}
    if one.answer_id in known:  # a repeat gets the first reply
        if one.is_extra in (None, known[one.answer_id]):
            yield state
        return
    if one.token not in state.live | state.ended:
        return
    for is_extra in (False, True):
        if one.is_extra not in (None, is_extra):
            continue
        # A late answer counts too, as long as a place is free, even if somebody else holds it meanwhile.
        if is_extra is (state.num_filled >= target):
            yield _State(
                live=state.live - {one.token},
                ended=state.ended - {one.token},
                answers=state.answers | {(one.answer_id, is_extra, 1)},
            )


def _after_revise(state: _State, one: Operation) -> Iterator[_State]:
    for answer in state.answers:
        name, is_extra, version = answer
        if name != one.answer_id:
            continue
        if version == one.version - 1:
            yield replace(state, answers=state.answers - {answer} | {(name, is_extra, one.version)})
        elif version >= one.version:  # a repeat
            yield state


def _told(operations: Sequence[Operation]) -> str:
    begin_s = min(one.begin_s for one in operations)
    lines = []
    for one in sorted(operations, key=lambda one: one.begin_s):
        end = f"{one.end_s - begin_s:.3f}" if one.has_reply else "no reply"
        extra = {None: "", True: " extra", False: " counted"}[one.is_extra]
        lines.append(
            f"[{one.begin_s - begin_s:.3f}, {end}] {one.kind} {one.token[-4:]} {one.answer_id}{extra}"
        )
    return "; ".join(lines)
