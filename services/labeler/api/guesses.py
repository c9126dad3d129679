"""Attempts to guess tokens: each wrong one of an address is answered later than the one before.

A right token is looked for nowhere here, so nobody waits for what others of the same address try. What it costs is bounded: so
many addresses are remembered, so many calls wait, so many lines are logged.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import prometheus_client
import structlog

from somersault.domain.roles import Identity
from somersault.errors import ResourceExhaustedError, UnauthenticatedError
from somersault.rpc.handlers import Context, LoggedError
from somersault.rpc.peers import PEER_KEY, address_of, network_of
from somersault.rpc.tls.authorization import identity_of

__all__ = ["Guesses", "UnknownTokenError", "caller_address"]

_log = structlog.get_logger()

_NUM_FREE = 5  # a person mistypes
_FIRST_S, _LONGEST_S = 0.1, 5.0
_FORGOTTEN_S = 600.0
_MAX_ADDRESSES = 10_000
_MAX_WAITING, _MAX_WAITING_OF_ONE = 256, 16
_LINE_S = 60.0  # between two lines about one address
_MAX_LINES = 100  # in that time, about all

_UNKNOWN = prometheus_client.Counter(
    "somersault_labeler_unknown_tokens_total",
    "Calls with a token or session that is unknown, by what was done with them.",
    ["outcome"],
)


class UnknownTokenError(LoggedError, UnauthenticatedError):
    """A token, or a session, that the labeler doesn't know."""


class _TooManyGuessesError(LoggedError, ResourceExhaustedError):
    """There are as many calls with unknown tokens as may wait."""


@dataclass(slots=True)
class _Tries:
    number: int = 0
    last_s: float = 0.0
    logged_s: float = float("-inf")
    num_unlogged: int = 0


class Guesses:
    """Counts wrong tokens by address and makes their callers wait. Used from one event loop."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        max_waiting: int = _MAX_WAITING,
        max_waiting_of_one: int = _MAX_WAITING_OF_ONE,
    ) -> None:
        """Begin without any.

        Args:
            clock: Returns the seconds since some moment.
            sleep: Waits for so many seconds.
            max_waiting: How many calls may wait.
            max_waiting_of_one: Of these, how many of one address.
        """
        self._clock, self._sleep = clock, sleep
        self._max_waiting, self._max_waiting_of_one = max_waiting, max_waiting_of_one
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        """By network, the one that tried last at the end."""
        self._waiting: Counter[str] = Counter()
        self._lines_since_s, self._num_lines = float("-inf"), 0

    @property
    def num_remembered(self) -> int:
        """How many addresses' tries are counted."""
        return len(self._tries)

    async def slow(self, address: str, *, most_s: float = _LONGEST_S) -> None:
        """Count a wrong token of an address and wait as long as it costs, but at most ``most_s``.

        Raises:
            ResourceExhaustedError: as many wait as may.
        """
        network = network_of(address) or address
        tries = self._count(network)
        self._tell(network, tries)
        wait_s = min(_delay_s(tries.number), most_s)
        if wait_s <= 0:
            _UNKNOWN.labels("answered").inc()
            return
        self._check_room(network)
        _UNKNOWN.labels("delayed").inc()
        self._waiting[network] += 1
        try:
            await self._sleep(wait_s)
        finally:
            self._waiting[network] -= 1
            if not self._waiting[network]:
                del self._waiting[network]

    def _count(self, network: str) -> _Tries:
        now_s = self._clock()
        tries = self._tries.pop(network, None)
        if tries is None or now_s - tries.last_s > _FORGOTTEN_S:
            tries = _Tries()
        tries.number += 1
        tries.num_unlogged += 1
        tries.last_s = now_s
        self._tries[network] = tries
        if len(self._tries) > _MAX_ADDRESSES:
            self._tries.popitem(last=False)
        return tries

    def _tell(self, network: str, tries: _Tries) -> None:
        now_s = self._clock()
        if now_s - self._lines_since_s > _LINE_S:
            self._lines_since_s, self._num_lines = now_s, 0
        if now_s - tries.logged_s < _LINE_S or self._num_lines >= _MAX_LINES:
            return
        self._num_lines += 1
        _log.warning("unknown_tokens", address=network, number=tries.num_unlogged)
        tries.logged_s, tries.num_unlogged = now_s, 0

    def _check_room(self, network: str) -> None:
        is_full = self._waiting.total() >= self._max_waiting
        if not is_full and self._waiting[network] < self._max_waiting_of_one:
            return
        _UNKNOWN.labels("refused").inc()
        raise _TooManyGuessesError(
            f"as many calls with unknown tokens wait as may, {self._max_waiting_of_one} of an address and"
            f" {self._max_waiting} in all: use a token from the run folder's tokens.json, or ask an owner for one"
        )


def caller_address(context: Context) -> str:
    """Return where a call comes from; if it is the gateway's, which its certificate shows, where the gateway's caller is."""
    own = address_of(context.peer())
    if identity_of(context) is not Identity.WEB:
        return own
    said = dict(context.invocation_metadata() or ()).get(PEER_KEY, "")
    return str(said) if network_of(str(said)) else own


def _delay_s(number: int) -> float:
    """Return what the so manieth wrong token costs."""
    if number <= _NUM_FREE:
        return 0.0
    return min(_LONGEST_S, _FIRST_S * 2.0 ** min(number - _NUM_FREE - 1, 30))
