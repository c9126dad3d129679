"""Statements run together do on PostgreSQL what they do one after another on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.labeler.database import failures
from services.labeler.database.steps import Step, run
from somersault.errors import UnavailableError
from somersault.runtime.urls import sqlite_url
from tests.services.labeler.postgresql_server import IS_INSTALLED

_TABLE = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("name", sa.String(8), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
_INSERT = sa.insert(_TABLE)
_ADD = (
    sa.update(_TABLE)
    .where(_TABLE.c.name == sa.bindparam("of_name"))
    .values(number=_TABLE.c.number + sa.bindparam("more"))
    .returning(_TABLE.c.number)
)
_READ = sa.select(_TABLE.c.name, _TABLE.c.number).order_by(_TABLE.c.name)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.skipif(not IS_INSTALLED, reason=""))]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """Open a database with an empty table."""
    url = sqlite_url(tmp_path / "things.sqlite")
    if request.param == "postgresql":
        url = request.getfixturevalue("url").replace("postgresql:", "postgresql+psycopg:")
    opened = sa.create_engine(url)
    _TABLE.create(opened)
    yield opened
    _TABLE.drop(opened)
    opened.dispose()


def test_each_step_sees_those_before_it(engine: sa.Engine) -> None:
    """Rows come back in the order of the steps; a step that gives none has none."""
    steps = [
        Step(_INSERT, {"name": "a", "number": 1}),
        Step(_ADD, {"of_name": "a", "more": 2}),
        Step(_ADD, {"of_name": "b", "more": 2}),
        Step(_ADD, {"of_name": "a", "more": 40}),
        Step(_READ, {}),
    ]
    with engine.begin() as connection:
        none, first, missing, second, rows = run(connection, steps)

    assert (list(none), list(missing)) == ([], [])
    assert [tuple(row) for row in (*first, *second, *rows)] == [(3,), (43,), ("a", 43)]


def test_a_failure_undoes_all_and_is_of_sqlalchemys_kind(engine: sa.Engine) -> None:
    """What was run before it and after it is gone with the transaction, and the connection can be used again."""
    steps = [Step(_INSERT, {"name": name, "number": 1}) for name in ("a", "b", "a", "c")]
    with pytest.raises(sa.exc.IntegrityError) as raised, engine.begin() as connection:
        run(connection, steps)

    assert failures.is_passing(raised.value)
    with engine.begin() as connection:
        assert [list(rows) for rows in run(connection, [Step(_READ, {})])] == [[]]


def test_fixed_values_and_those_of_steps_come_as_they_are(engine: sa.Engine) -> None:
    """In any order, quotes and nothing at all included."""
    name = sa.bindparam("of_name", type_=sa.String)
    statement = sa.select(
        sa.literal("it's $1"), name, sa.literal(-2), sa.bindparam("number", type_=sa.BigInteger), name
    ).where(sa.literal(None, sa.String).is_(None))
    with engine.begin() as connection:
        for text in ("a'; --", "é"):
            ((row,),) = run(connection, [Step(statement, {"number": 2**40, "of_name": text})])
            assert list(row) == ["it's $1", text, -2, 2**40, text]


def test_a_statement_that_failed_may_be_run_again(engine: sa.Engine) -> None:
    """Nothing remains of its first try, on the same connection."""
    missing = Step(sa.text("SELECT number FROM nothing"), {})
    for _ in range(2):
        with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
            run(connection, [Step(_INSERT, {"name": "a", "number": 1}), missing])
    with engine.begin() as connection:
        run(connection, [Step(_INSERT, {"name": "a", "number": 1})])
        assert [tuple(row) for row in run(connection, [Step(_READ, {})])[0]] == [("a", 1)]


@pytest.mark.skipif(not IS_INSTALLED, reason="PostgreSQL is not installed")
@pytest.mark.parametrize(("value", "error"), [("a\0b", sa.exc.DataError), (b"a", TypeError)])
def test_a_value_that_cant_be_sent_spoils_nothing(url: str, value: object, error: type[Exception]) -> None:
    """A text isn't cut at a NUL, and the connection can be used again."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), pool_size=1)
    statement = sa.select(sa.bindparam("of_name", type_=sa.String))
    with pytest.raises(error), engine.begin() as connection:
        run(connection, [Step(statement, {"of_name": "x"}), Step(statement, {"of_name": value})])
    with engine.begin() as connection:
        assert run(connection, [Step(statement, {"of_name": "x"})])[0][0][0] == "x"
    engine.dispose()


@pytest.mark.skipif(not IS_INSTALLED, reason="PostgreSQL is not installed")
def test_a_connection_that_was_cut_is_not_used_again(url: str) -> None:
    """The domain's error says that the database can't be used; the next transaction has another connection."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), pool_size=1)
    cut = Step(sa.text("SELECT pg_terminate_backend(pg_backend_pid())"), {})
    with pytest.raises(sa.exc.OperationalError) as raised, engine.begin() as connection:
        run(connection, [cut])

    assert isinstance(failures.translate(raised.value), UnavailableError)
    with engine.begin() as connection:
        assert run(connection, [Step(sa.select(sa.literal(7)), {})])[0][0][0] == 7
    engine.dispose()
