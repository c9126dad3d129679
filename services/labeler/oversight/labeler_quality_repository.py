"""Labelers' counts and weights in a run."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from services.labeler.database import clock, counters, schema
from services.labeler.feedback import log_repository
from services.labeler.model.labelers import Labeler
from services.labeler.model.oversight import LabelerCounts
from services.labeler.oversight import audit_repository, weight_repository
from services.labeler.people import labeler_repository
from services.labeler.runs import run_repository
from somersault.domain.preference_log import WeightChange
from somersault.domain.roles import Role

__all__ = ["read_counts", "set_weight"]

_COUNTS = schema.labeler_counts
_NAMES = tuple(column.name for column in _COUNTS.columns if column.name.startswith("num_"))


def read_counts(connection: sa.Connection, run_id: str, *, labeler_id: str | None) -> list[LabelerCounts]:
    """Return the counts of those who answered in a run, or of one of them, by labeler_id.

    Raises:
        NotFoundError: the run is unknown.
    """
    run_repository.read(connection, run_id)
    known = schema.labelers
    selected = (
        sa.select(_COUNTS, known.c.name, known.c.role)
        .join(known, known.c.labeler_id == _COUNTS.c.labeler_id)
        .where(_COUNTS.c.run_id == run_id)
        .order_by(_COUNTS.c.labeler_id)
    )
    if labeler_id is not None:
        selected = selected.where(_COUNTS.c.labeler_id == labeler_id)
    by_labeler = weight_repository.read_all(connection, run_id)
    return [
        LabelerCounts(
            labeler=Labeler(
                labeler_id=row.labeler_id, name=row.name, role=Role(row.role), runs=frozenset({run_id})
            ),
            weight=by_labeler.get(row.labeler_id, 1.0),
            **{name: getattr(row, name) for name in _NAMES},
        )
        for row in connection.execute(selected)
    ]


def set_weight(
    connection: sa.Connection, by: Labeler, *, run_id: str, labeler_id: str, weight: float, reason: str
) -> WeightChange | None:
    """Set a labeler's weight in a run unless it is the same already; return its newest change.

    Raises:
        NotFoundError: the run or the labeler is unknown.
    """
    run_repository.read(connection, run_id)
    _check_known(connection, by, run_id=run_id, labeler_id=labeler_id)
    counters.add_to_run(connection, run_id, {})  # locks the run, so that the weight read next is the newest
    if weight_repository.read(connection, run_id, labeler_id) == weight:
        return weight_repository.newest(connection, run_id, labeler_id)
    commit_id = log_repository.new_commit_id()
    change = WeightChange(
        cursor=log_repository.take_position(connection, run_id, commit_id=commit_id, is_plain=False),
        commit_id=commit_id,
        run_id=run_id,
        change_id=f"w{secrets.token_hex(8)}",
        labeler_id=labeler_id,
        weight=weight,
        changed_by=by.labeler_id,
        reason=reason,
        commit_ms=clock.now_ms(connection),
    )
    weight_repository.add(connection, change)
    audit_repository.add(
        connection, by, "SetLabelerWeight", run_id=run_id, what=labeler_id, weight=weight, reason=reason
    )
    return change


def _check_known(connection: sa.Connection, by: Labeler, *, run_id: str, labeler_id: str) -> None:
    """Check that a labeler is known in a run: its log names it, or it is a member of one of the caller's runs.

    Raises:
        NotFoundError: it isn't.
    """
    is_this = (_COUNTS.c.run_id == run_id) & (_COUNTS.c.labeler_id == labeler_id)
    has_answered = connection.execute(sa.select(sa.exists().where(is_this))).scalar_one()
    if not has_answered and weight_repository.newest(connection, run_id, labeler_id) is None:
        labeler_repository.read_member(connection, by, labeler_id)
