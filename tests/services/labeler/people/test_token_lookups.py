"""Many tokens looked up at once cost what one does."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from services.labeler.model.labelers import Labeler
from services.labeler.people.token_lookups import TokenLookups
from somersault.domain.roles import Role
from somersault.errors import UnavailableError

KNOWN = Labeler(labeler_id="known", name="known", role=Role.LABELER, runs=None)


class _Table:
    """Known tokens, read slowly."""

    def __init__(self) -> None:
        self.reads: list[int] = []
        self.is_away = False

    async def find_all(self, digests: Collection[str]) -> Mapping[str, Labeler | None]:
        """Return the holders after a while."""
        self.reads.append(len(digests))
        await asyncio.sleep(0.01)
        if self.is_away:
            raise UnavailableError("away")
        return {digest: KNOWN if digest == "right" else None for digest in digests}


async def test_guesses_side_by_side_hold_nobody_up() -> None:
    """All that come during a read are in the next one, whoever they are from."""
    table = _Table()
    lookups = TokenLookups(table.find_all)
    guesses = [asyncio.ensure_future(lookups.find(f"wrong-{number}")) for number in range(500)]
    await asyncio.sleep(0)
    assert await lookups.find("right") is KNOWN
    assert set(await asyncio.gather(*guesses)) == {None}
    assert await asyncio.gather(*(lookups.find("right") for _ in range(9))) == [KNOWN] * 9
    assert table.reads[-1] == 1
    assert len(table.reads) <= 3


async def test_who_gives_up_takes_nothing_from_others() -> None:
    """Nor does a read that fails keep later ones from being made."""
    table = _Table()
    lookups = TokenLookups(table.find_all)
    one, other = (asyncio.ensure_future(lookups.find("right")) for _ in range(2))
    await asyncio.sleep(0.001)
    one.cancel()
    assert await other is KNOWN
    table.is_away = True
    with pytest.raises(UnavailableError):
        await lookups.find("right")
    table.is_away = False
    assert await lookups.find("right") is KNOWN
