"""Runs: created, changed as they go, listed, counted; and their guidelines."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.database import Database
from services.labeler.model import list_pages
from services.labeler.model.labelers import Labeler
from services.labeler.model.runs import Guidelines, RunStats, RunView
from services.labeler.oversight import audit_repository
from services.labeler.runs import (
    guidelines_repository,
    run_changes,
    run_repository,
    stats_repository,
    view_repository,
)
from services.labeler.runs.run_changes import RunChange
from somersault.domain.texts import (
    MAX_QUESTION,
    check_guidelines,
    check_identity,
    check_name,
    check_task_name,
    check_text,
)
from somersault.rpc import Notifier

__all__ = ["Runs"]


class Runs:
    """Creates, changes, lists and counts runs."""

    def __init__(self, database: Database, *, queries_changed: Notifier, log_grew: Notifier) -> None:
        """Take the database, and what notifies those who wait for queries and those who follow the log."""
        self._database = database
        self._queries_changed = queries_changed
        self._log_grew = log_grew

    async def create(
        self,
        by: Labeler,
        *,
        run_id: str,
        task: str,
        question: str,
        guidelines_text: str = "",
        identity: str = "",
    ) -> None:
        """Create a run, or update its task, and its question unless an owner edited it.

        Guidelines become version 1 if the run has none yet.

        Raises:
            InvalidInputError: the name, the question or the guidelines are invalid.
            FailedPreconditionError: a run of that name with another identity is known.
        """
        check_name("run_id", run_id)
        check_task_name("task", task)
        check_text("question", question, most=MAX_QUESTION, has_lines=True)
        if guidelines_text:
            check_guidelines("guidelines", guidelines_text)
        if identity:
            check_identity("identity", identity)

        def create(connection: sa.Connection) -> None:
            if run_repository.create(
                connection, run_id=run_id, task=task, question=question, identity=identity
            ):
                detail = {"task": task, "question": question} | ({"identity": identity} if identity else {})
                audit_repository.add(connection, by, "CreateRun", run_id=run_id, what=run_id, **detail)
            if guidelines_text and not run_repository.lock(connection, run_id).guidelines_version:
                guidelines_repository.add(connection, by, run_id, guidelines_text)

        await self._database.write(create)

    async def update(self, by: Labeler, run_id: str, change: RunChange) -> RunView:
        """Change a run; return it as it is afterwards.

        Raises:
            InvalidInputError: a value is out of its bounds.
            NotFoundError: the run is unknown.
            FailedPreconditionError: the run is finished, and a finished run can't do that.
        """
        run_changes.check(change)

        def update(connection: sa.Connection) -> RunView:
            run_changes.apply(connection, by, run_id, change)
            return view_repository.read(connection, run_id)

        view = await self._database.write(update)
        if change.moves_state:
            self._queries_changed.notify()
            self._log_grew.notify()
        return view

    async def list_newest(self, by: Labeler, *, page_size: int, page_token: str) -> tuple[list[RunView], str]:
        """Return a page of the caller's runs, newest first, and the token of the next one.

        Raises:
            InvalidInputError: the size is out of bounds, or the token is invalid.
        """
        page_size = list_pages.size(page_size)
        created, _, run_id = page_token.partition("-")
        created_ms = list_pages.start(created)
        before = None if created_ms is None else (created_ms, run_id)
        found = await self._database.read(
            lambda connection: view_repository.list_newest(
                connection, runs=by.runs, before=before, page_size=page_size + 1
            )
        )
        page = found[:page_size]
        last = page[-1].run if len(found) > page_size else None
        return page, f"{last.created_ms}-{last.run_id}" if last else ""

    async def stats(self, run_id: str, *, labeler_id: str) -> RunStats:
        """Count a run's queries and answers, and a labeler's own.

        Raises:
            NotFoundError: the run is unknown.
        """
        return await self._database.read(
            lambda connection: stats_repository.read(connection, run_id, labeler_id=labeler_id)
        )

    async def set_guidelines(self, by: Labeler, run_id: str, text: str) -> int:
        """Add a version of a run's guidelines; return its number.

        Raises:
            InvalidInputError: the text is blank, too long, has control characters, or may hold raw HTML.
            NotFoundError: the run is unknown.
        """
        check_guidelines("text", text)
        return await self._database.write(
            lambda connection: guidelines_repository.add(connection, by, run_id, text)
        )

    async def read_guidelines(self, run_id: str, version: int) -> Guidelines:
        """Return a version of a run's guidelines, the newest for 0.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.read(
            lambda connection: guidelines_repository.read(connection, run_id, version)
        )
