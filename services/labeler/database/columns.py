"""Columns and constraints, written the same way for all tables."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa

from somersault.domain.preference_log import RECORD_FIELDS, LogField

__all__ = ["Number", "Row", "count", "flag", "log_columns", "metadata", "required", "text"]

Row = sa.Row[*tuple[Any, ...]]
"""A row of any columns."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows only where the column's type is exactly INTEGER.
Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def required(name: str, kind: sa.types.TypeEngine[Any], *rest: sa.ForeignKey) -> sa.Column[Any]:
    """Return a column that is never null."""
    return sa.Column(name, kind, *rest, nullable=False)


def count(name: str, *, default: int = 0) -> sa.Column[Any]:
    """Return a number column that is ``default`` in older rows, and where it isn't given."""
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=str(default))


def flag(name: str) -> sa.Column[Any]:
    """Return a boolean column that is false in older rows, and where it isn't given."""
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def text(name: str, length: int) -> sa.Column[Any]:
    """Return a text column that is empty in older rows, and where it isn't given."""
    return sa.Column(name, sa.String(length), nullable=False, server_default="")


def log_columns(table: str, *, known: Collection[str]) -> list[sa.Column[Any]]:
    """Return a table's columns for fields of the preference log, except those named in ``known``."""
    placed = [(field, *field.column.partition(".")[::2]) for field in RECORD_FIELDS]
    return [_log_column(field, name) for field, where, name in placed if where == table and name not in known]


def _log_column(field: LogField, name: str) -> sa.Column[Any]:
    has_default = field.default is not dataclasses.MISSING
    make, kind = _LOG_COLUMNS[field.type]
    return make(name) if has_default else required(name, kind)


_LOG_COLUMNS: dict[type, tuple[Callable[[str], sa.Column[Any]], sa.types.TypeEngine[Any]]] = {
    bool: (flag, sa.Boolean()),
    int: (count, sa.BigInteger()),
    str: (functools.partial(text, length=64), sa.String(64)),
}
