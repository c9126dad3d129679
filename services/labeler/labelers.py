"""Labelers and their tokens. A token is shown once and stored only as its SHA-256."""

from __future__ import annotations

import json
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from services.labeler import tokens
from services.labeler.records import Labeler
from services.labeler.store import Database, labelers
from somersault.errors import ConfigError, InvalidInputError
from somersault.types import Role

__all__ = ["Labelers", "read_tokens"]

MAX_NAME = 100
MIN_TOKEN = 16  # characters; ours have 32 random bytes


class Labelers:
    """Knows who may call."""

    def __init__(self, database: Database) -> None:
        """Takes the database."""
        self._database = database

    async def find(self, token_sha256: str) -> Labeler | None:
        """Gives the holder of a token; None if nobody is."""
        return await self._database.read(lambda connection: labelers.find(connection, token_sha256))

    async def create(self, *, name: str, role: Role) -> tuple[Labeler, str]:
        """Invites a labeler; gives it and its token, which can't be had again.

        Raises:
            InvalidInputError: the name is empty, too long or not printable.
        """
        if not (1 <= len(name) <= MAX_NAME and name.isprintable()):
            raise InvalidInputError("name", name, f"1 to {MAX_NAME} printable characters")
        token = tokens.new_token()
        labeler = Labeler(labeler_id=f"{role.value}-{secrets.token_hex(6)}", name=name, role=role)
        await self._database.write(
            lambda connection: labelers.add(connection, labeler, token_sha256=tokens.sha256(token))
        )
        return labeler, token

    async def make_known(self, token_by_role: Mapping[Role, str]) -> None:
        """Makes one labeler a role known, named as its role; a new token replaces the old one."""
        known = [
            (Labeler(labeler_id=role.value, name=role.value, role=role), tokens.sha256(token))
            for role, token in token_by_role.items()
        ]
        await self._database.write(lambda connection: labelers.make_known(connection, known))

    async def create_first_owner(self) -> str | None:
        """Invites an owner if there is none, and gives its token."""
        if await self._database.read(labelers.has_owner):
            return None
        _, token = await self.create(name="owner", role=Role.OWNER)
        return token


def read_tokens(path: Path) -> dict[Role, str]:
    """Reads a JSON file of role to token.

    Raises:
        ConfigError: others may read it, or it does not hold what it should.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"token_path {path} can be read by others; run: chmod 600 {path}")
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise ConfigError(f"token_path {path} can't be read: {err.strerror}") from err
    except ValueError as err:
        raise ConfigError(f"token_path {path} is not JSON: {err}") from err
    if not isinstance(values, dict):
        raise ConfigError(f"token_path {path} must hold an object of role to token")
    return {_role(path, name): _token(path, name, token) for name, token in values.items()}


def _role(path: Path, name: str) -> Role:
    try:
        return Role(name)
    except ValueError as err:
        roles = ", ".join(role.value for role in Role)
        raise ConfigError(f"token_path {path} names role {name!r}; the roles are {roles}") from err


def _token(path: Path, name: str, token: object) -> str:
    if not isinstance(token, str) or len(token) < MIN_TOKEN or not token.isprintable():
        raise ConfigError(f"token_path {path}: the token of {name!r} must be at least {MIN_TOKEN} characters")
    return token
