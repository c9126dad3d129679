"""The database under the labeler: versions of its tables, shared commits, what it says when it can't."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Awaitable, Iterator
from contextlib import closing
from pathlib import Path

import alembic.autogenerate
import alembic.migration
import pytest
import sqlalchemy as sa

from services.labeler.database import Database, migrate, open_database, schema
from services.labeler.model.labelers import Labeler
from services.labeler.people import labeler_repository
from somersault.domain.roles import Role
from somersault.errors import ConfigError, NotFoundError, UnavailableError
from somersault.runtime.urls import sqlite_url
from tests.services.labeler.database import older_database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database is."""
    return tmp_path / "labels.sqlite"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """Open a fresh database."""
    opened = open_database(sqlite_url(path))
    yield opened
    opened.close()


def _add(name: str) -> sa.Executable:
    row = {"labeler_id": name, "name": name, "role": "owner", "token_sha256": name, "created_ms": 0}
    return sa.insert(schema.labelers).values(row)


async def _names(database: Database) -> list[str]:
    names = sa.select(schema.labelers.c.labeler_id).order_by(schema.labelers.c.labeler_id)
    return await database.read(lambda connection: list(connection.execute(names).scalars()))


def test_migrations_make_the_tables_of_the_schema(database: Database, path: Path) -> None:
    """Nothing is in one and not in the other."""
    engine = sa.create_engine(sqlite_url(path))
    with engine.connect() as connection:
        context = alembic.migration.MigrationContext.configure(connection)
        assert alembic.autogenerate.compare_metadata(context, schema.metadata) == []
    engine.dispose()


async def test_opening_again_keeps_the_data(path: Path) -> None:
    """An up-to-date database is left as it is."""
    database = open_database(sqlite_url(path))
    await database.write(lambda connection: connection.execute(_add("a")))
    database.close()
    database = open_database(sqlite_url(path))
    assert await _names(database) == ["a"]
    database.close()


async def test_migrations_go_down_and_up_on_data(path: Path) -> None:
    """Down to nothing with rows that refer to each other, and up again."""
    database = open_database(sqlite_url(path))
    owner = Labeler(labeler_id="a", name="a", role=Role.OWNER, runs=None)
    await database.write(lambda connection: labeler_repository.add(connection, owner, token_sha256="x"))
    database.close()
    engine = sa.create_engine(sqlite_url(path))
    migrate.to_base(engine)
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    migrate.to_head(engine)
    assert set(sa.inspect(engine).get_table_names()) == {*schema.metadata.tables, "alembic_version"}
    engine.dispose()


def test_an_older_databases_data_goes_up_down_and_up(path: Path) -> None:
    """Every count is there that the older version did not keep; going back loses no answer."""
    engine = sa.create_engine(sqlite_url(path))
    older_database.check_up_and_down(engine)
    engine.dispose()


def test_a_newer_programs_database_is_refused(database: Database, path: Path) -> None:
    """Rather than half understood."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(ConfigError, match="9999"):
        open_database(sqlite_url(path))


@pytest.mark.parametrize(
    "url", ["", "labels.sqlite", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "sqlite:////none/x"]
)
def test_an_unusable_url_is_refused(url: str) -> None:
    """With one line that says what to give."""
    with pytest.raises(ConfigError, match="database_url"):
        open_database(url)


def test_a_password_is_not_repeated() -> None:
    """Messages go to logs."""
    with pytest.raises(ConfigError) as caught:
        open_database("mysql://me:secret@host/db")
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """And left as it is."""
    path.write_bytes(b"not a database at all, and long enough to be read as a header" * 20)
    with pytest.raises(ConfigError, match="not a database"):
        open_database(sqlite_url(path))


async def test_a_refused_work_leaves_nothing_and_spoils_nothing(database: Database) -> None:
    """Though it shares a commit with others."""

    def refuse(connection: sa.Connection) -> None:
        connection.execute(_add("half"))
        raise NotFoundError("no")

    def add(name: str) -> Awaitable[None]:
        return database.write(lambda connection: _insert(connection, name))

    outcomes = await asyncio.gather(
        add("a"), database.write(refuse), add("b"), database.write(refuse), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), NotFoundError, type(None), NotFoundError]
    assert await _names(database) == ["a", "b"]


async def test_a_broken_work_does_not_spoil_the_others(database: Database) -> None:
    """An error of no known kind is its own caller's alone."""

    def break_down(connection: sa.Connection) -> None:
        connection.execute(_add("half"))
        connection.execute(_add("half"))

    writes = [database.write(functools.partial(_insert, name=f"n{i}")) for i in range(5)]
    outcomes = await asyncio.gather(
        *writes[:3], database.write(break_down), *writes[3:], return_exceptions=True
    )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False] * 3 + [True] + [False] * 2
    assert await _names(database) == [f"n{i}" for i in range(5)]


def _insert(connection: sa.Connection, name: str) -> None:
    connection.execute(_add(name))


async def test_a_full_disk_is_told_and_heals(database: Database, path: Path) -> None:
    """UNAVAILABLE, nothing half done, and fine again once there is room."""

    def fill(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    def make_room(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")

    def write_much(connection: sa.Connection) -> None:
        for i in range(2000):
            connection.execute(_add(f"n{i:05}"))

    await database.write(fill)
    with pytest.raises(UnavailableError, match="full"):
        await database.write(write_much)
    await database.write(make_room)
    assert await _names(database) == []
    await database.write(write_much)
    assert len(await _names(database)) == 2000


async def test_commits_are_synced(database: Database) -> None:
    """WAL with FULL: a commit that was acknowledged survives a loss of power."""

    def pragmas(connection: sa.Connection) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names)

    assert await database.write(pragmas) == ("wal", 2, 1)


async def test_a_closed_database_has_committed_what_waited(path: Path) -> None:
    """Closing drains."""
    database = open_database(sqlite_url(path))
    waiting = [
        asyncio.ensure_future(database.write(functools.partial(_insert, name=f"n{i}"))) for i in range(50)
    ]
    await asyncio.sleep(0)
    await asyncio.to_thread(database.close)
    await asyncio.gather(*waiting)
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute("SELECT count(*) FROM labelers").fetchone() == (50,)
    connection.close()
