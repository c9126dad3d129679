"""Runs: how they ask, and their state."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.model.labelers import Labeler
from services.labeler.model.run_state import RunState
from services.labeler.model.runs import Run
from somersault.errors import FailedPreconditionError, NotFoundError

__all__ = [
    "check_reached",
    "create",
    "exists",
    "find_identity",
    "find_state",
    "list_newest",
    "lock",
    "names",
    "newest_cursor",
    "of_row",
    "read",
    "read_row",
    "state_of",
    "update",
]

_RUNS = schema.runs

_STATE = sa.select(_RUNS.c.state, _RUNS.c.is_paused).where(_RUNS.c.run_id == sa.bindparam("of_run"))


def create(connection: sa.Connection, *, run_id: str, task: str, question: str, identity: str = "") -> bool:
    """Create a run, or update its task, and its question unless an owner edited it; return whether anything changed.

    Raises:
        FailedPreconditionError: a run of that name with another identity is known.
    """
    known = connection.execute(
        sa.select(_RUNS).where(_RUNS.c.run_id == run_id).with_for_update()
    ).one_or_none()
    wanted = {"task": task, "question": question, "identity": identity}
    if known is None:
        row = {"run_id": run_id, **wanted, "newest_cursor": 0, "created_ms": clock.now_ms(connection)}
        connection.execute(sa.insert(_RUNS), row)
        return True
    _check_is_the_same(run_id, known=known.identity, given=identity)
    wanted["identity"] = known.identity or identity
    if known.is_question_edited:
        wanted["question"] = known.question
    if all(getattr(known, name) == value for name, value in wanted.items()):
        return False
    update(connection, run_id, **wanted)
    return True


def _check_is_the_same(run_id: str, *, known: str, given: str) -> None:
    if known and given and known != given:
        raise FailedPreconditionError(
            f"run {run_id!r} in this database is another run of that name, of identity {known}, not {given}: its"
            " answers are not yours; use the database of your run, or take this run over by UpdateRun with identity"
        )


def update(connection: sa.Connection, run_id: str, **values: object) -> None:
    """Change columns of a run."""
    connection.execute(sa.update(_RUNS).where(_RUNS.c.run_id == run_id).values(**values))


def read(connection: sa.Connection, run_id: str) -> Run:
    """Return a run.

    Raises:
        NotFoundError: it is unknown.
    """
    return of_row(read_row(connection, run_id))


def lock(connection: sa.Connection, run_id: str) -> schema.Row:
    """Return a run's row, locked until the transaction ends.

    Raises:
        NotFoundError: it is unknown.
    """
    return read_row(connection, run_id, is_locked=True)


def check_reached(labeler: Labeler, run_id: str) -> None:
    """Check that a labeler's token is good for a run.

    Raises:
        NotFoundError: it isn't, in the words for a run that is unknown.
    """
    if not labeler.reaches(run_id):
        raise _unknown(run_id)


def names(connection: sa.Connection, runs: frozenset[str] | None, *, count: int) -> list[str]:
    """Return the names of up to ``count`` of some runs that are known; None stands for every run."""
    page = sa.select(_RUNS.c.run_id).where(_is_among(runs)).order_by(_RUNS.c.run_id).limit(count)
    return list(connection.execute(page).scalars())


def list_newest(
    connection: sa.Connection,
    *,
    runs: frozenset[str] | None,
    before: tuple[int, str] | None,
    page_size: int,
) -> list[Run]:
    """Return some runs, every run for None, newest first; ``before`` is the last page's (created_ms, run_id)."""
    page = (
        sa.select(_RUNS)
        .where(_is_among(runs))
        .order_by(_RUNS.c.created_ms.desc(), _RUNS.c.run_id.desc())
        .limit(page_size)
    )
    if before is not None:
        created_ms, run_id = before
        is_same = (_RUNS.c.created_ms == created_ms) & (_RUNS.c.run_id < run_id)
        page = page.where((_RUNS.c.created_ms < created_ms) | is_same)
    return [of_row(row) for row in connection.execute(page)]


def exists(connection: sa.Connection, run_id: str) -> bool:
    """Return whether a run is known."""
    found = sa.select(sa.exists().where(_RUNS.c.run_id == run_id))
    return bool(connection.execute(found).scalar_one())


def find_state(connection: sa.Connection, run_id: str) -> RunState | None:
    """Return a run's state; None if it is unknown."""
    row = connection.execute(_STATE, {"of_run": run_id}).one_or_none()
    return None if row is None else state_of(row)


def find_identity(connection: sa.Connection, run_id: str) -> str | None:
    """Return a run's identity, empty if none was given; None if the run is unknown."""
    found = sa.select(_RUNS.c.identity).where(_RUNS.c.run_id == run_id)
    identity: str | None = connection.execute(found).scalar_one_or_none()
    return identity


def newest_cursor(connection: sa.Connection, run_id: str) -> int:
    """Return the newest position in a run's log, gold and weight changes included.

    Raises:
        NotFoundError: the run is unknown.
    """
    return int(read_row(connection, run_id).newest_cursor)


def read_row(connection: sa.Connection, run_id: str, *, is_locked: bool = False) -> schema.Row:
    """Return a run's row.

    Raises:
        NotFoundError: it is unknown.
    """
    found = sa.select(_RUNS).where(_RUNS.c.run_id == run_id)
    row = connection.execute(found.with_for_update() if is_locked else found).one_or_none()
    if row is None:
        raise _unknown(run_id)
    return row


def _unknown(run_id: str) -> NotFoundError:
    return NotFoundError(
        f"run {run_id!r} is unknown to the labeler; CreateRun creates it, and an owner of it invites its members"
    )


def _is_among(runs: frozenset[str] | None) -> sa.ColumnElement[bool]:
    return sa.true() if runs is None else _RUNS.c.run_id.in_(sorted(runs))


def of_row(row: schema.Row) -> Run:
    """Return the run that a row holds."""
    values = {field: getattr(row, field) for field in Run.__slots__}
    return Run(**values | {"state": state_of(row)})


def state_of(row: schema.Row) -> RunState:
    """Return a run's state: paused unless it is finished."""
    state = RunState(row.state)
    return RunState.PAUSED if row.is_paused and state is not RunState.FINISHED else state
