"""Runs and the queries that are proposed in them."""

from __future__ import annotations

from collections.abc import Sequence

import prometheus_client

from services.labeler.changes import Changes
from services.labeler.records import Proposal, QueryPage, QueryState, RunStats
from services.labeler.store import Database, queries, runs
from somersault.errors import InvalidInputError
from somersault.types import check_name

__all__ = ["Proposals"]

MAX_PROPOSALS = 256
MAX_WITHDRAWN = 1000
MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_QUESTION = 2000

_PROPOSED = prometheus_client.Counter(
    "somersault_labeler_queries_proposed_total",
    "Queries proposed, repeats included, by whether clips of them are drawn.",
    ["wants_clips"],
)


class Proposals:
    """Takes queries in, takes them back, lists and counts them."""

    def __init__(self, database: Database, *, queries_changed: Changes) -> None:
        """Takes the database and what to tell of new queries."""
        self._database = database
        self._queries_changed = queries_changed

    async def create_run(self, *, run_id: str, task: str, question: str) -> None:
        """Makes a run known, or changes its task and question.

        Raises:
            InvalidInputError: the name is not a name, or the question is too long.
        """
        check_name("run_id", run_id)
        check_name("task", task)
        if len(question) > MAX_QUESTION:
            raise InvalidInputError("question", question, f"at most {MAX_QUESTION} characters")
        await self._database.write(
            lambda connection: runs.create(connection, run_id=run_id, task=task, question=question)
        )

    async def propose(self, run_id: str, proposals: Sequence[Proposal]) -> list[str]:
        """Puts pairs before labelers and gives the query of each.

        Raises:
            InvalidInputError: there are too few or too many, or two have one name.
            NotFoundError: the run is unknown.
            AlreadyExistsError: a name was used for something else.
        """
        if not 1 <= len(proposals) <= MAX_PROPOSALS:
            raise InvalidInputError("number of proposals", len(proposals), f"1 to {MAX_PROPOSALS}")
        if len({proposal.proposal_id for proposal in proposals}) < len(proposals):
            raise InvalidInputError("two proposals have the same proposal_id; each needs its own")
        query_ids = await self._database.write(
            lambda connection: queries.propose(connection, run_id, proposals)
        )
        for proposal in proposals:
            _PROPOSED.labels(str(proposal.wants_clips).lower()).inc()
        self._queries_changed.announce()
        return query_ids

    async def withdraw(self, run_id: str, query_ids: Sequence[str]) -> list[str]:
        """Takes back queries without an answer and gives those that are withdrawn now.

        Raises:
            InvalidInputError: there are too few or too many.
            NotFoundError: the run does not have one of them.
        """
        if not 1 <= len(query_ids) <= MAX_WITHDRAWN:
            raise InvalidInputError("number of query_ids", len(query_ids), f"1 to {MAX_WITHDRAWN}")
        return await self._database.write(lambda connection: queries.withdraw(connection, run_id, query_ids))

    async def list_newest(
        self, run_id: str, *, state: QueryState | None, page_size: int, page_token: str
    ) -> QueryPage:
        """Gives a page of a run's queries, newest first.

        Raises:
            InvalidInputError: the size is out of bounds, or the token none of ours.
            NotFoundError: the run is unknown.
        """
        page_size = page_size or DEFAULT_PAGE
        if not 1 <= page_size <= MAX_PAGE:
            raise InvalidInputError("page_size", page_size, f"1 to {MAX_PAGE}")
        before = _page_start(page_token)
        return await self._database.read(
            lambda connection: queries.list_newest(
                connection, run_id, state=state, before_number=before, page_size=page_size
            )
        )

    async def stats(self, run_id: str, *, labeler_id: str) -> RunStats:
        """Counts a run's queries and answers, and a labeler's own.

        Raises:
            NotFoundError: the run is unknown.
        """
        return await self._database.read(
            lambda connection: runs.stats(connection, run_id, labeler_id=labeler_id)
        )


def _page_start(page_token: str) -> int | None:
    if not page_token:
        return None
    if not (page_token.isascii() and page_token.isdigit() and len(page_token) <= 18):
        raise InvalidInputError("page_token", page_token, "one from the last response")
    return int(page_token)
