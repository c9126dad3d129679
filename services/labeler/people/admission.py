"""Who a call was admitted as, and whether that still holds: a long call ends when its token does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import sqlalchemy as sa

from services.labeler.model.labelers import Labeler
from services.labeler.people import labeler_repository
from services.labeler.people.labelers import Labelers
from services.labeler.runs import run_repository
from somersault.errors import UnauthenticatedError

__all__ = ["Admission", "LongCallTokens"]

_LOOK_S = 2.0  # how often the tokens of all long calls are looked up, together


@dataclass(frozen=True, slots=True)
class Admission:
    """Who makes a call, with which token."""

    labeler: Labeler
    token_sha256: str
    lasting: LongCallTokens
    is_session: bool = False
    """Whether the call came with a browser's session instead of a token; ``token_sha256`` is then the session's."""
    run_id: str = ""
    """The run that the call is about; empty for all of the caller's."""

    async def check(self) -> None:
        """Check that the token is still known and good for the run. Cheap enough to be called again and again during a call.

        Raises:
            UnauthenticatedError: it was revoked or replaced at least two seconds ago, or at this replica.
            NotFoundError: its holder was removed from the run as long ago.
            UnavailableError: the database can't be read now.
        """
        holder = await self.lasting.find(self.token_sha256, admitted=self.labeler)
        if holder is None:
            raise _ended()
        if self.run_id:
            run_repository.check_reached(holder, self.run_id)

    def lock(self, connection: sa.Connection) -> None:
        """Lock the token, so that it isn't revoked before the transaction ends.

        Raises:
            UnauthenticatedError: it was revoked.
        """
        if not labeler_repository.lock_token(connection, self.token_sha256):
            raise _ended()


class LongCallTokens:
    """Looks up the tokens of long calls, in one read for all of them. Used from one event loop."""

    def __init__(self, known: Labelers) -> None:
        """Take the labelers, whose tokens are looked up."""
        self._labelers = known
        self._asked: set[str] = set()
        """The tokens to look up next."""
        self._look: asyncio.Task[dict[str, Labeler | None]] | None = None
        self._looked_s = 0.0
        self._generation = known.generation

    async def find(self, token_sha256: str, *, admitted: Labeler) -> Labeler | None:
        """Return the holder of a token as of at most two seconds ago; None if it was revoked.

        One that wasn't looked up with the others is as it was admitted until the next look.

        Raises:
            UnavailableError: the database can't be read now.
        """
        self._asked.add(token_sha256)
        look = self._look
        if look is None or self._is_out_of_date(look):
            digests, self._asked = self._asked, set()
            look = self._look = asyncio.create_task(self._labelers.find_all(digests))
            self._looked_s, self._generation = time.monotonic(), self._labelers.generation
        # A caller that gives up must not cancel the read for the others.
        return (await asyncio.shield(look)).get(token_sha256, admitted)

    def _is_out_of_date(self, look: asyncio.Task[dict[str, Labeler | None]]) -> bool:
        if self._generation != self._labelers.generation:  # a token was revoked at this replica
            return True
        if look.done() and look.exception() is not None:
            return True
        return time.monotonic() - self._looked_s > _LOOK_S


def _ended() -> UnauthenticatedError:
    return UnauthenticatedError(
        "the token has ended: it was revoked or replaced during the call; ask an owner for another one"
    )
