"""Labelers and their tokens. A token is shown once and stored only as its SHA-256."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping

import sqlalchemy as sa

from services.labeler.database import Database
from services.labeler.model import list_pages
from services.labeler.model.labelers import KnownLabeler, Labeler
from services.labeler.oversight import audit_repository
from services.labeler.people import labeler_repository, members, session_repository, tokens
from services.labeler.people.token_lookups import TokenLookups
from somersault.domain.roles import Role
from somersault.domain.texts import check_text

__all__ = ["Labelers"]

MAX_NAME = 100

_START = Labeler(labeler_id="start-up", name="start-up", role=Role.OWNER, runs=None)
"""In the audit log, whoever started the service."""


class Labelers:
    """Looks up, invites and revokes labelers."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database
        self._lookups = TokenLookups(self.find_all)
        self.generation = 0
        """Rises whenever a token is revoked or replaced: caches of tokens are then stale."""

    async def find(self, digest: str, *, is_session: bool = False) -> Labeler | None:
        """Return the holder of a token, or of a session, whose use is noted; None if it is unknown."""
        holder = await self._lookups.find(digest)
        if holder is not None and is_session:
            await self._note_use(digest)
        return holder

    async def _note_use(self, session_sha256: str) -> None:
        if await self._database.read(
            lambda connection: session_repository.is_unnoted(connection, session_sha256)
        ):
            await self._database.write(
                lambda connection: session_repository.note_use(connection, session_sha256)
            )

    async def find_all(self, digests: Collection[str]) -> dict[str, Labeler | None]:
        """Return the holders of tokens by the SHA-256 of each; None for those that are unknown."""
        known = await self._database.read(lambda connection: labeler_repository.find_all(connection, digests))
        return {digest: known.get(digest) for digest in digests}

    async def create(
        self, by: Labeler, *, name: str, role: Role, run_ids: Collection[str] = (), token: str = ""
    ) -> tuple[Labeler, str]:
        """Invite a labeler to runs; return it and its token, which isn't shown again and is drawn unless given.

        Without runs it is invited to the caller's only one, an owner by an owner of every run to every run.

        Raises:
            InvalidInputError: the name is blank, too long, or has control characters; or the runs are to be named.
            NotFoundError: a run is unknown.
        """
        check_text("name", name, least=1, most=MAX_NAME)
        token = token or tokens.new_token()
        labeler_id = f"{role.value}-{secrets.token_hex(6)}"

        def create(connection: sa.Connection) -> Labeler:
            runs = members.runs_of_invitation(connection, by, role=role, run_ids=run_ids)
            labeler = Labeler(labeler_id=labeler_id, name=name, role=role, runs=runs)
            labeler_repository.add(connection, labeler, token_sha256=tokens.sha256(token))
            audit_repository.add(
                connection,
                by,
                "CreateLabeler",
                run_id=members.only_run(labeler),
                what=labeler_id,
                name=name,
                role=role.value,
                run_ids=sorted(runs or ()),
            )
            return labeler

        return await self._database.write(create), token

    async def list_known(
        self, by: Labeler, *, run_id: str = "", page_size: int, page_token: str
    ) -> tuple[list[KnownLabeler], str]:
        """Return a page of the members of a run, or of all of the caller's, by labeler_id, and the token of the next one.

        Raises:
            InvalidInputError: the size is out of bounds.
        """
        page_size = list_pages.size(page_size)
        found = await self._database.read(
            lambda connection: members.list_known(
                connection, by, run_id=run_id, after=page_token, count=page_size + 1
            )
        )
        page = found[:page_size]
        return page, page[-1].labeler.labeler_id if len(found) > page_size else ""

    async def rotate(self, by: Labeler, labeler_id: str) -> str:
        """Replace a labeler's token; return the new one.

        Raises:
            NotFoundError: there is no such labeler.
            FailedPreconditionError: it is a member of runs that aren't the caller's.
        """
        token = tokens.new_token()

        def rotate(connection: sa.Connection) -> None:
            labeler_repository.rotate(connection, by, labeler_id, token_sha256=tokens.sha256(token))
            members.note(connection, by, "RotateToken", labeler_id)

        await self._database.write(rotate)
        self.generation += 1
        return token

    async def revoke(self, by: Labeler, labeler_id: str) -> None:
        """Revoke a labeler's token and end its live leases.

        Raises:
            NotFoundError: there is no such labeler.
            FailedPreconditionError: it is the last owner, or a member of runs that aren't the caller's.
        """

        def revoke(connection: sa.Connection) -> None:
            if labeler_repository.revoke(connection, by, labeler_id):
                members.note(connection, by, "RevokeToken", labeler_id)

        await self._database.write(revoke)
        self.generation += 1

    async def invite(self, by: Labeler, labeler_id: str, run_id: str) -> None:
        """Make a labeler that the caller knows a member of one more run.

        Raises:
            NotFoundError: the run is unknown, or there is no such labeler.
        """
        await self._database.write(
            lambda connection: members.invite(connection, by, labeler_id=labeler_id, run_id=run_id)
        )
        self.generation += 1

    async def remove(self, by: Labeler, labeler_id: str, run_id: str) -> None:
        """End a labeler's membership of a run, and its live leases there.

        Raises:
            NotFoundError: the run is unknown, or there is no such labeler.
            FailedPreconditionError: it is the run's last owner, or its token is good for every run.
        """
        await self._database.write(
            lambda connection: members.remove(connection, by, labeler_id=labeler_id, run_id=run_id)
        )
        self.generation += 1

    async def make_known(self, token_by_role: Mapping[Role, str], *, run_id: str = "") -> None:
        """Register one labeler for each role, named like the role; a new token replaces the old one.

        Their tokens are good for one run alone, or without a name for every run.
        """
        known = [
            (
                Labeler(
                    labeler_id=role.value,
                    name=role.value,
                    role=role,
                    runs=frozenset({run_id}) if run_id else None,
                ),
                tokens.sha256(token),
            )
            for role, token in token_by_role.items()
        ]
        await self._database.write(
            lambda connection: labeler_repository.make_known(connection, known, run_id=run_id or None)
        )

    async def create_first_owner(self, *, keep: Callable[[str], None]) -> bool:
        """Invite an owner if there is none; return whether there was none.

        Args:
            keep: Called with its token before there is an owner, so that none is ever made whose token nobody has.
        """
        if await self._database.read(labeler_repository.has_owner):
            return False
        token = tokens.new_token()
        await asyncio.to_thread(keep, token)
        await self.create(_START, name="owner", role=Role.OWNER, token=token)
        return True
