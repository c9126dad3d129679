"""One read for many, as long as what it gave is true."""

from __future__ import annotations

import asyncio

import pytest

from services.labeler.shared_reads import SharedReads
from somersault.rpc import Notifier


class _Counted:
    """Counts its reads; each gives how many there were."""

    def __init__(self) -> None:
        self.num_reads = 0

    async def read(self) -> int:
        self.num_reads += 1
        await asyncio.sleep(0)
        return self.num_reads


async def test_who_asks_meanwhile_shares_a_read() -> None:
    """Until the next change."""
    changes, counted = Notifier(), _Counted()
    shared = SharedReads[int](changes)

    assert await asyncio.gather(*(shared.get("a", counted.read) for _ in range(5))) == [1] * 5
    assert await shared.get("b", counted.read) == 2
    changes.notify()
    assert await shared.get("a", counted.read) == 3


async def test_what_is_final_is_read_once() -> None:
    """Whatever changes; what is not final is read again."""
    changes, counted = Notifier(), _Counted()
    shared = SharedReads[int](changes, is_final=lambda number: number == 2)

    for expected in (1, 2, 2, 2):
        assert await shared.get("a", counted.read) == expected
        changes.notify()


async def test_a_read_that_failed_is_not_kept() -> None:
    """The next one to ask after a change reads again."""
    changes, counted = Notifier(), _Counted()
    shared = SharedReads[int](changes, is_final=lambda _: True)

    async def fail() -> int:
        raise ValueError("no disk")

    with pytest.raises(ValueError, match="no disk"):
        await shared.get("a", fail)
    changes.notify()
    assert await shared.get("a", counted.read) == 1


async def test_the_oldest_is_forgotten() -> None:
    """So that memory is bounded, of what is final too."""
    counted = _Counted()
    shared = SharedReads[int](Notifier(), is_final=lambda _: True, max_remembered=2)

    for key in "abac":
        await shared.get(key, counted.read)
    assert counted.num_reads == 3
    assert await shared.get("a", counted.read) == 1
    assert await shared.get("b", counted.read) == 4
