"""Runs with their progress, as owners list them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.labeler.clips import policy_clip_repository
from services.labeler.model.runs import Run, RunView
from services.labeler.runs import (
    progress_repository,
    result_repository,
    run_repository,
)

__all__ = ["list_newest", "read"]


def read(connection: sa.Connection, run_id: str) -> RunView:
    """Return a run with its progress.

    Raises:
        NotFoundError: it is unknown.
    """
    return _view(connection, [run_repository.read(connection, run_id)])[0]


def list_newest(
    connection: sa.Connection,
    *,
    runs: frozenset[str] | None,
    before: tuple[int, str] | None,
    page_size: int,
) -> list[RunView]:
    """Return some runs, every run for None, newest first; ``before`` is the last page's (created_ms, run_id)."""
    page = run_repository.list_newest(connection, runs=runs, before=before, page_size=page_size)
    return _view(connection, page)


def _view(connection: sa.Connection, found: Sequence[Run]) -> list[RunView]:
    run_ids = [run.run_id for run in found]
    points, results = (
        progress_repository.newest(connection, run_ids),
        result_repository.read_all(connection, run_ids),
    )
    versions = policy_clip_repository.newest_versions(connection, run_ids)
    return [
        RunView(
            run=run,
            newest_point=points.get(run.run_id),
            result=results.get(run.run_id),
            newest_policy_clip=versions.get(run.run_id),
        )
        for run in found
    ]
