"""Files of tokens: those that a labeler is given at its start, and the one in which it leaves the first owner's."""

from __future__ import annotations

import stat
from pathlib import Path

from somersault.domain.roles import Role
from somersault.errors import ConfigError
from somersault.formats.strict_json import load_json
from somersault.storage.durable_files import replace_file

__all__ = ["read_tokens", "write_token"]

MIN_TOKEN = 16  # characters; generated ones have 64


def write_token(path: Path | None, token: str) -> None:
    """Write the first owner's token into a file that nobody but its owner may read.

    Raises:
        ConfigError: there is no place for it, or the system refuses.
    """
    if path is None:
        raise ConfigError(
            "first_token_path must be given, as the database has no owner yet: a file for the first one's token;"
            " or let token_path name an owner's"
        )
    try:
        replace_file(path, f"{token}\n")
    except OSError as error:
        raise ConfigError(f"first_token_path {path} can't be written: {error.strerror}") from error


def read_tokens(path: Path) -> dict[Role, str]:
    """Read a JSON file of role to token.

    Raises:
        ConfigError: others can read it, or its content is wrong.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"token_path {path} can be read by others; run: chmod 600 {path}")
        values = load_json(path.read_text(encoding="utf-8"))
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
