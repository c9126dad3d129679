"""Looking up the tokens of calls: one read for all that are asked for while the one before it goes on.

So that many guesses of tokens at once cost no more reads than one, and nobody waits behind all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from services.labeler.model.labelers import Labeler

__all__ = ["TokenLookups"]

_Futures = dict[str, asyncio.Future[Labeler | None]]


class TokenLookups:
    """Finds the holders of tokens. Used from one event loop."""

    def __init__(
        self, find_all: Callable[[Collection[str]], Awaitable[Mapping[str, Labeler | None]]]
    ) -> None:
        """Take what reads the holders of many tokens at once."""
        self._find_all = find_all
        self._asked: _Futures = {}
        self._reading: asyncio.Task[None] | None = None

    async def find(self, token_sha256: str) -> Labeler | None:
        """Return the holder of a token, read since the call; None if it is unknown.

        Raises:
            UnavailableError: the database can't be read now.
        """
        asked = self._asked.setdefault(token_sha256, asyncio.get_running_loop().create_future())
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(asked)  # others may wait for the same

    async def _read(self) -> None:
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                await self._answer(asked)
        finally:
            self._reading = None

    async def _answer(self, asked: _Futures) -> None:
        try:
            known = await self._find_all(asked)
        except Exception as err:
            for future in asked.values():
                future.set_exception(err)
                future.exception()  # nobody may wait for it any more
        else:
            for token_sha256, future in asked.items():
                future.set_result(known[token_sha256])
