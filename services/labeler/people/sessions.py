"""Sessions of browsers: begun with a token, revocable, and worth nothing once they have ended."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.database import Database
from services.labeler.model.labelers import Labeler
from services.labeler.people import labeler_repository, members, session_repository, tokens
from services.labeler.people.admission import Admission
from services.labeler.people.labelers import Labelers
from somersault.domain.texts import check_name
from somersault.errors import FailedPreconditionError

__all__ = ["Sessions"]


class Sessions:
    """Begins and ends sessions. They are in the database, so that any replica of the gateway and of the labeler serves them."""

    def __init__(self, database: Database, labelers: Labelers) -> None:
        """Take the database, and the labelers, whose caches forget what has ended."""
        self._database = database
        self._labelers = labelers

    async def begin(self, admission: Admission, *, run_id: str) -> tuple[str, int]:
        """Begin a session of the caller at the pages of a run; return its secret and when it ends, in ms since 1970.

        Raises:
            InvalidInputError: the run's name is invalid.
            FailedPreconditionError: the call itself comes with a session, which would then never end.
        """
        if run_id:
            check_name("run_id", run_id)
        if admission.is_session:
            raise FailedPreconditionError("a session is begun with a token, not with another session")
        secret = tokens.new_token()
        digest = tokens.session_sha256(f"{run_id}/{secret}")

        def begin(connection: sa.Connection) -> int:
            admission.lock(connection)
            return session_repository.add(
                connection,
                session_sha256=digest,
                labeler_id=admission.labeler.labeler_id,
                token_sha256=admission.token_sha256,
            )

        return secret, await self._database.write(begin)

    async def end(self, admission: Admission) -> None:
        """End the session that the call came with, if it came with one."""
        if admission.is_session:
            digest = admission.token_sha256
            await self._database.write(lambda connection: session_repository.end(connection, digest))
            self._labelers.generation += 1

    async def end_all(self, by: Labeler, labeler_id: str) -> None:
        """End all sessions of a labeler; its token stays.

        Raises:
            NotFoundError: there is no such labeler.
            FailedPreconditionError: it is a member of runs that aren't the caller's.
        """

        def end(connection: sa.Connection) -> None:
            labeler_repository.read_ruled(connection, by, labeler_id)
            if session_repository.end_all(connection, labeler_id):
                members.note(connection, by, "EndSessions", labeler_id)

        await self._database.write(end)
        self._labelers.generation += 1
