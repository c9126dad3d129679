"""Queries as services see them: proposed, withdrawn, listed."""

from __future__ import annotations

from collections.abc import Sequence

import prometheus_client
import sqlalchemy as sa

from services.labeler.database import Database
from services.labeler.model import list_pages
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Proposal, QueryPage, QueryState
from services.labeler.oversight import audit_repository
from services.labeler.queries import query_repository
from services.labeler.runs.run_changes import check_target
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier
from somersault.runtime.failpoints import failpoint

__all__ = ["Proposals"]

MAX_PROPOSALS = 256
MAX_WITHDRAWN = 1000

_PROPOSED = prometheus_client.Counter(
    "somersault_labeler_queries_proposed_total",
    "Queries proposed, including repeats, by whether their clips are rendered.",
    ["wants_clips"],
)


class Proposals:
    """Adds and withdraws proposals, and lists the queries made from them."""

    def __init__(self, database: Database, *, queries_changed: Notifier) -> None:
        """Take the database, and what to notify of new queries."""
        self._database = database
        self._queries_changed = queries_changed

    async def propose(self, by: Labeler, run_id: str, proposals: Sequence[Proposal]) -> list[str]:
        """Add pairs to be asked about; return the query of each.

        Raises:
            InvalidInputError: there are too few or too many, or two share a name.
            NotFoundError: the run is unknown.
            AlreadyExistsError: a name already stands for another pair.
        """
        if not 1 <= len(proposals) <= MAX_PROPOSALS:
            raise InvalidInputError("number of proposals", len(proposals), f"1 to {MAX_PROPOSALS}")
        for proposal in proposals:
            if proposal.target_answers is not None:
                check_target(proposal.target_answers)
        if len({proposal.proposal_id for proposal in proposals}) < len(proposals):
            raise InvalidInputError("two proposals have the same proposal_id; each needs its own")

        def propose(connection: sa.Connection) -> list[str]:
            query_ids, num_new = query_repository.propose(connection, run_id, proposals)
            if num_new:
                what = f"{num_new} queries"
                audit_repository.add(
                    connection, by, "ProposeQueries", run_id=run_id, what=what, first=query_ids[0]
                )
            return query_ids

        query_ids = await self._database.write(propose)
        failpoint("labeler.queries.reply")
        for proposal in proposals:
            _PROPOSED.labels(str(proposal.wants_clips).lower()).inc()
        self._queries_changed.notify()
        return query_ids

    async def withdraw(self, by: Labeler, run_id: str, query_ids: Sequence[str]) -> list[str]:
        """Withdraw queries without an answer; return those that are withdrawn now.

        Raises:
            InvalidInputError: there are too few or too many.
            NotFoundError: the run lacks one of them.
        """
        if not 1 <= len(query_ids) <= MAX_WITHDRAWN:
            raise InvalidInputError("number of query_ids", len(query_ids), f"1 to {MAX_WITHDRAWN}")

        def withdraw(connection: sa.Connection) -> list[str]:
            withdrawn, num_new = query_repository.withdraw(connection, run_id, query_ids)
            if num_new:
                what = f"{num_new} queries"
                audit_repository.add(
                    connection, by, "WithdrawQueries", run_id=run_id, what=what, first=withdrawn[0]
                )
            return withdrawn

        return await self._database.write(withdraw)

    async def list_newest(
        self, run_id: str, *, state: QueryState | None, page_size: int, page_token: str
    ) -> QueryPage:
        """Return a page of a run's queries, newest first.

        Raises:
            InvalidInputError: the size is out of bounds, or the token is invalid.
            NotFoundError: the run is unknown.
        """
        page_size, before = list_pages.size(page_size), list_pages.start(page_token)

        def read(connection: sa.Connection) -> QueryPage:
            page = query_repository.list_newest(
                connection, run_id, state=state, before_number=before, page_size=page_size
            )
            return query_repository.with_skips(connection, page)

        return await self._database.read(read)
