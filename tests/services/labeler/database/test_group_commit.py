"""Requests done together: each has its own outcome, whatever happens to the others."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.labeler.database import Database, open_database
from services.labeler.database.group_commit import LATER, Later
from somersault.errors import NotFoundError, SomersaultError
from somersault.runtime.urls import sqlite_url


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open a database with an empty table."""
    path = tmp_path / "labels.sqlite"
    opened = open_database(sqlite_url(path))
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    connection.close()
    yield opened
    opened.close()


class _Works:
    """Works that wait for each other, so that all requests are in one transaction."""

    def __init__(self) -> None:
        self.together: list[tuple[str, ...]] = []
        self.is_open = threading.Event()

    def wait(self, _connection: sa.Connection) -> None:
        """Hold the writer up until all have asked."""
        self.is_open.wait(10)

    def add(self, connection: sa.Connection, names: Sequence[str]) -> list[str | SomersaultError | Later]:
        """Store names; `no` is refused, `bad` breaks what it is done with, a second `twice` comes later."""
        self.together.append(tuple(names))
        outcomes: list[str | SomersaultError | Later] = []
        for place, name in enumerate(names):
            if name == "bad":
                raise ValueError(name)
            if name == "no":
                outcomes.append(NotFoundError(name))
            elif name == "twice" and "twice" in names[:place]:
                outcomes.append(LATER)
            else:
                connection.execute(sa.text("INSERT INTO things VALUES (:name)"), {"name": name})
                outcomes.append(name)
        return outcomes

    def last(self, _connection: sa.Connection, names: Sequence[str]) -> Sequence[str]:
        """Note when they were done."""
        self.together.append(tuple(names))
        return names

    async def do(self, database: Database, *names: str) -> list[str | BaseException]:
        """Have all names added in one transaction, as far as that goes."""
        held_up = asyncio.ensure_future(database.write(self.wait))
        await asyncio.sleep(0.05)
        asked = [asyncio.ensure_future(database.write_together(self.add, name)) for name in names]
        await asyncio.sleep(0.05)
        self.is_open.set()
        await held_up
        return list(await asyncio.gather(*asked, return_exceptions=True))


async def _stored(database: Database) -> list[str]:
    names = sa.text("SELECT name FROM things ORDER BY rowid")
    return await database.read(lambda connection: list(connection.execute(names).scalars()))


async def test_requests_that_come_together_are_done_together(database: Database) -> None:
    """One that is refused keeps nobody else from being stored."""
    works = _Works()
    outcomes = await works.do(database, "a", "no", "b")
    assert works.together == [("a", "no", "b")]
    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == ["a", NotFoundError, "b"]
    assert await _stored(database) == ["a", "b"]


async def test_what_is_to_be_done_later_is_done_in_the_next_transaction(database: Database) -> None:
    """Before anything that comes after it."""
    works = _Works()
    assert await works.do(database, "twice", "twice", "twice", "a") == ["twice", "twice", "twice", "a"]
    assert works.together == [("twice", "twice", "twice", "a"), ("twice", "twice"), ("twice",)]


async def test_what_breaks_is_alone(database: Database) -> None:
    """The others are done again, each by itself, and stored once."""
    works = _Works()
    outcomes = await works.do(database, "a", "bad", "b")
    assert [outcomes[0], type(outcomes[1]), outcomes[2]] == ["a", ValueError, "b"]
    assert await _stored(database) == ["a", "b"]


async def test_what_locks_much_goes_last(database: Database) -> None:
    """Whenever it was asked for: others wait for its locks until the commit."""
    works = _Works()
    held_up = asyncio.ensure_future(database.write(works.wait))
    await asyncio.sleep(0.05)
    last = asyncio.ensure_future(database.write_together(works.last, "z", is_last=True))
    await asyncio.sleep(0.05)
    first = asyncio.ensure_future(database.write_together(works.add, "a"))
    await asyncio.sleep(0.05)
    works.is_open.set()
    await asyncio.gather(held_up, last, first)
    assert works.together == [("a",), ("z",)]
