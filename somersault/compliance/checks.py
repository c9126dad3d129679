"""What a check is, how it ends, and how its end is told."""

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
    """What is checked did not happen: a front end may do without it, or a labeler could not be made to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one check."""

    name: str
    expected: str
    """What must hold, in one sentence."""
    verdict: Verdict
    got: str = ""
    """What was there instead, or why it was not seen; empty if it passed."""


class UnmetError(Exception):
    """Says what was there instead of what a check expects."""


class NotSeenError(Exception):
    """Says why a check could not see what it looks for."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of the protocol and how to see whether it is kept."""

    name: str
    expected: str
    run: Callable[[Any], Awaitable[None]]


def gather(functions: Iterable[Callable[[Any], Awaitable[None]]]) -> list[Check]:
    """Return the checks that functions are: each is called as its check, and its docstring says what must hold."""
    return [
        Check(
            name=function.__name__.replace("_", " "),
            expected=" ".join((function.__doc__ or "").split()),
            run=function,
        )
        for function in functions
    ]


def expect(is_met: object, got: object) -> None:
    """End the check as failed unless something holds.

    Raises:
        UnmetError: it does not.
    """
    if not is_met:
        raise UnmetError(" ".join(str(got).split())[:600] or "nothing")


async def expect_refused(
    call: Awaitable[Any], *statuses: grpc.StatusCode, naming: str = "", doing: str = "the call"
) -> None:
    """End the check as failed unless a call ends with one of the statuses, with a message that names a field.

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
    raise UnmetError(f"{doing} was taken and not refused with {wanted}: {str(reply)[:200]!r}")


def format_outcomes(outcomes: Sequence[Outcome]) -> str:
    """Return a list to read: a line a check, with what was expected and what came under each that failed."""
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
