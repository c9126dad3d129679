"""Who was let in, and whether that still holds: calls that last must end when their token does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import sqlalchemy as sa

from services.labeler.model.labelers import Labeler
from services.labeler.people import labeler_repository
from services.labeler.people.labelers import Labelers
from somersault.errors import UnauthenticatedError

__all__ = ["Admission", "LastingTokens"]

_LOOK_S = 2.0  # how often the tokens of all lasting calls are looked up, together


@dataclass(frozen=True, slots=True)
class Admission:
    """Holds who makes a call, and by which token."""

    labeler: Labeler
    token_sha256: str
    lasting: LastingTokens

    async def check(self) -> None:
        """Looks whether the token is still known. Cheap: to be called again and again while a call lasts.

        Raises:
            UnauthenticatedError: it was revoked or rotated at least two seconds ago, or at this replica.
            UnavailableError: the database can't be read now.
        """
        if await self.lasting.has_ended(self.token_sha256):
            raise _ended()

    def hold(self, connection: sa.Connection) -> None:
        """Keeps the token from ending before the transaction does.

        Raises:
            UnauthenticatedError: it has ended.
        """
        if not labeler_repository.hold_token(connection, self.token_sha256):
            raise _ended()


class LastingTokens:
    """Looks up the tokens of calls that last, in one read for all of them. Used from one event loop."""

    def __init__(self, known: Labelers) -> None:
        """Takes who knows the tokens."""
        self._labelers = known
        self._asked: set[str] = set()
        """Who waits for the next look."""
        self._look: asyncio.Task[set[str]] | None = None
        self._looked_s = 0.0
        self._generation = known.generation

    async def has_ended(self, token_sha256: str) -> bool:
        """Says whether a token is known no more, as of two seconds ago at most.

        Raises:
            UnavailableError: the database can't be read now.
        """
        self._asked.add(token_sha256)
        look = self._look
        if look is None or self._is_out_of_date(look):
            digests, self._asked = self._asked, set()
            look = self._look = asyncio.create_task(self._labelers.find_ended(digests))
            self._looked_s, self._generation = time.monotonic(), self._labelers.generation
        # Who gives up waiting must not take the result from the others.
        return token_sha256 in await asyncio.shield(look)

    def _is_out_of_date(self, look: asyncio.Task[set[str]]) -> bool:
        if self._generation != self._labelers.generation:  # a token ended at this replica
            return True
        if look.done() and look.exception() is not None:
            return True
        return time.monotonic() - self._looked_s > _LOOK_S


def _ended() -> UnauthenticatedError:
    return UnauthenticatedError(
        "the token has ended: it was revoked or replaced while the call lasted; ask an owner for another one"
    )
