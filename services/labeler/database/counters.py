"""Counters, maintained as things change, so that reading them costs the same however much was counted.

Adding to a run's counters locks the run's row until the commit (`add_to_run` and the preference log do). Queries are
locked before runs, everywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from services.labeler.database import schema
from services.labeler.database.steps import Step
from services.labeler.model.queries import QueryState
from somersault.domain.feedback import Preference

__all__ = ["RUN_ADDED", "add_to_run", "run_amounts", "steps_to_add"]

_NAMES = tuple(f"num_{kind.value}" for enum in (QueryState, Preference) for kind in enum)
_RUNS = schema.runs

RUN_ADDED = {name: _RUNS.c[name] + sa.bindparam(f"more_{name}", type_=sa.BigInteger) for name in _NAMES}
"""What an update of a run adds to its counters; `run_amounts` gives the values."""

_ADD_TO_RUN = sa.update(_RUNS).where(_RUNS.c.run_id == sa.bindparam("of_run")).values(RUN_ADDED)


def run_amounts(amounts: Mapping[QueryState | Preference, int]) -> dict[str, int]:
    """Return the values of `RUN_ADDED`: each kind's amount, 0 for the others."""
    return {f"more_{name}": 0 for name in _NAMES} | {
        f"more_num_{kind.value}": amount for kind, amount in amounts.items()
    }


def add_to_run(
    connection: sa.Connection, run_id: str, amounts: Mapping[QueryState | Preference, int]
) -> None:
    """Add to a run's counters, and lock its row until the commit."""
    connection.execute(_ADD_TO_RUN, {"of_run": run_id, **run_amounts(amounts)})


def steps_to_add(table: sa.Table, key: Mapping[str, object], amounts: Mapping[str, int]) -> list[Step]:
    """Return the steps that add to one row's counters, inserting the row if missing; none if all amounts are 0."""
    amounts = {name: amount for name, amount in amounts.items() if amount}
    return [Step(_add(table, tuple(key), tuple(amounts)), {**key, **amounts})] if amounts else []


@functools.cache  # building a statement costs more than running it
def _add(table: sa.Table, key: tuple[str, ...], names: tuple[str, ...]) -> sa.Insert:
    inserted = postgresql.insert(table)  # its ON CONFLICT is SQLite's too
    return inserted.on_conflict_do_update(
        index_elements=key, set_={name: table.c[name] + inserted.excluded[name] for name in names}
    )
