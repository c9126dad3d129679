"""What a check is, how it ends, and how its outcome is reported."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

__all__ = [
    "Check",
    "NotSeenError",
    "Outcome",
    "UnmetError",
    "Verdict",
    "expect",
    "expect_refused",
    "format_outcomes",
    "gather",
]


class Verdict(enum.StrEnum):
    """How a check ended."""

    PASSED = "pass"
    FAILED = "FAIL"
    NOT_SEEN = "not seen"
    """What is checked didn't happen: a front end may do without it, or the labeler couldn't be made to do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of one check."""

    name: str
    expected: str
    """What must hold, in one sentence."""
    verdict: Verdict
    got: str = ""
    """What happened instead, or why it wasn't seen; empty if the check passed."""


class UnmetError(Exception):
    """What a check expects didn't happen; the message says what happened instead."""


class NotSeenError(Exception):
    """A check couldn't see what it looks for; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of the protocol, and how to find out whether it is kept."""

    name: str
    expected: str
    run: Callable[[Any], Awaitable[None]]


def gather(functions: Iterable[Callable[[Any], Awaitable[None]]]) -> list[Check]:
    """Return a check for each function: its name is the check's, and its docstring says what must hold."""
    return [
        Check(
            name=function.__name__.replace("_", " "),
            expected=" ".join((function.__doc__ or "").split()),
            run=function,
        )
        for function in functions
    ]


def expect(is_met: object, got: object) -> None:
    """Fail the check unless something holds.

    Raises:
        UnmetError: it doesn't.
    """
    if not is_met:
        raise UnmetError(" ".join(str(got).split())[:600] or "nothing")


async def expect_refused(
    call: Awaitable[Any], *statuses: grpc.StatusCode, naming: str = "", doing: str = "the call"
) -> None:
    """Fail the check unless a call ends with one of the statuses, with a message that names a field.

    Raises:
        UnmetError: it ended otherwise.
    """
    wanted = " or ".join(status.name for status in statuses)
    try:
        reply = await call
    except grpc.aio.AioRpcError as error:
        said = f"{doing} ended with {error.code().name}: {error.details()!r}"
        expect(error.code() in statuses, f"{said}, not {wanted}")
        expect(naming in (error.details() or ""), f"{said}, which does not name {naming!r}")
        return
    raise UnmetError(f"{doing} was accepted instead of refused with {wanted}: {str(reply)[:200]!r}")


def format_outcomes(outcomes: Sequence[Outcome]) -> str:
    """Return a list for people: a line per check, and under each failed one what was expected and what happened."""
    lines = []
    for outcome in outcomes:
        lines.append(f"{outcome.verdict:<9} {outcome.name}")
        if outcome.verdict is not Verdict.PASSED:
            lines.append(f"          expected: {outcome.expected}")
        if outcome.got:
            lines.append(f"          got: {outcome.got}")
    counts = ", ".join(
        f"{sum(outcome.verdict is verdict for outcome in outcomes)} {words}"
        for verdict, words in (
            (Verdict.PASSED, "passed"),
            (Verdict.FAILED, "failed"),
            (Verdict.NOT_SEEN, "not seen"),
        )
        if verdict is not Verdict.NOT_SEEN or any(outcome.verdict is verdict for outcome in outcomes)
    )
    return "\n".join([*lines, counts])
