"""Members of runs, as owners manage them: who is invited to which run, who is removed, who is listed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import sqlalchemy as sa

from services.labeler.database import clock
from services.labeler.model.labelers import KnownLabeler, Labeler
from services.labeler.oversight import audit_repository
from services.labeler.people import labeler_repository, member_repository
from services.labeler.queries import lease_repository
from services.labeler.runs import run_repository
from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError, InvalidInputError

__all__ = ["invite", "list_known", "note", "only_run", "remove", "runs_of_invitation"]

MAX_RUNS = 100  # of one invitation


def runs_of_invitation(
    connection: sa.Connection, by: Labeler, *, role: Role, run_ids: Collection[str]
) -> frozenset[str] | None:
    """Return the runs that an invitation is for; None for every run.

    Raises:
        InvalidInputError: they are to be named, since the caller has several, or are too many.
        NotFoundError: one of them is unknown.
    """
    if len(run_ids) > MAX_RUNS:
        raise InvalidInputError("number of run_ids", len(run_ids), f"at most {MAX_RUNS}")
    if run_ids:
        for run_id in run_ids:
            run_repository.check_reached(by, run_id)
            run_repository.read_row(connection, run_id)
        return frozenset(run_ids)
    if role is Role.OWNER and by.runs is None:
        return None
    own = run_repository.names(connection, by.runs, count=2)
    if len(own) > 1:
        raise InvalidInputError("number of run_ids", 0, "at least 1, since you have several runs")
    return frozenset(own)


def invite(connection: sa.Connection, by: Labeler, *, labeler_id: str, run_id: str) -> None:
    """Make a labeler that the caller knows a member of a run.

    Raises:
        NotFoundError: the run is unknown, or there is no such labeler.
    """
    run_repository.lock(connection, run_id)  # two calls at once must not add it twice
    labeler = labeler_repository.read_member(connection, by, labeler_id).labeler
    if labeler.runs is not None and member_repository.add(connection, labeler_id, [run_id]):
        audit_repository.add(connection, by, "InviteLabeler", run_id=run_id, what=labeler_id)


def remove(connection: sa.Connection, by: Labeler, *, labeler_id: str, run_id: str) -> None:
    """End a labeler's membership of a run, and its live leases there.

    Raises:
        NotFoundError: the run is unknown, or there is no such labeler.
        FailedPreconditionError: it is the run's last owner, or its token is good for every run.
    """
    labeler_repository.lock_owners(connection)
    run_repository.read_row(connection, run_id)
    labeler = labeler_repository.read_member(connection, by, labeler_id).labeler
    if labeler.runs is None:
        raise FailedPreconditionError(
            f"the token of {labeler_id!r} is good for every run: revoke it by RevokeToken, or give it no leases"
            " in this run by SetLabelerWeight with 0"
        )
    if not member_repository.remove(connection, labeler_id, run_id):
        return
    labeler_repository.check_owned(connection, labeler, frozenset({run_id}))
    lease_repository.end_all(connection, labeler_id, run_id=run_id, now_ms=clock.now_ms(connection))
    audit_repository.add(connection, by, "RemoveLabeler", run_id=run_id, what=labeler_id)


def list_known(
    connection: sa.Connection, by: Labeler, *, run_id: str, after: str, count: int
) -> list[KnownLabeler]:
    """Return up to ``count`` labelers after one in order of labeler_id, each with those of its runs that the caller reaches.

    Those of one run are its members, and for who reaches every run also others who do.
    """
    shown = frozenset({run_id}) if run_id else by.runs
    found = labeler_repository.list_known(
        connection, runs=shown, has_everywhere=by.runs is None, after=after, count=count
    )
    return [replace(known, labeler=_seen_by(by, known.labeler)) for known in found]


def note(connection: sa.Connection, by: Labeler, action: str, labeler_id: str) -> None:
    """Add a row about a labeler to the audit log; for owners of its run if it has only one."""
    labeler = labeler_repository.read(connection, labeler_id).labeler
    audit_repository.add(connection, by, action, run_id=only_run(labeler), what=labeler_id)


def only_run(labeler: Labeler) -> str:
    """Return the only run of a labeler; empty if it has another number of them."""
    return next(iter(labeler.runs)) if labeler.runs is not None and len(labeler.runs) == 1 else ""


def _seen_by(by: Labeler, labeler: Labeler) -> Labeler:
    if by.runs is None or labeler.runs is None:
        return labeler
    return replace(labeler, runs=labeler.runs & by.runs)
