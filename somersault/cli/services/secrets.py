"""The secrets of services: tokens and the object store's keys, as environment variables."""

from __future__ import annotations

from collections.abc import Sequence

from somersault.runtime.config import environment

__all__ = ["secrets_of", "secrets_of_store", "secrets_to_check"]

_NO_TOKEN = "not made yet"  # noqa: S105 - it opens nothing
_STORAGE_SECRETS = ("STORAGE_ACCESS_KEY", "STORAGE_SECRET_KEY")


def secrets_of(name: str, *, token: str | None) -> dict[str, str]:
    """Return a service's secrets under its own variable names.

    The store's come from our environment: under the same names, or else under the ones for all services.
    """
    prefix = f"SOMERSAULT_{name.upper()}_"
    secrets = {f"{prefix}TOKEN": token} if token else {}
    for secret in _STORAGE_SECRETS if name != "web" else ():
        value = environment(f"{prefix}{secret}") or environment(f"SOMERSAULT_{secret}")
        if value:
            secrets[f"{prefix}{secret}"] = value
    return secrets


def secrets_to_check(names: Sequence[str]) -> dict[str, str]:
    """Return placeholder secrets for checking settings before real ones exist."""
    secrets: dict[str, str] = {}
    for name in names:
        secrets |= secrets_of(name, token=_NO_TOKEN if name in ("reward", "teacher") else None)
    return secrets


def secrets_of_store() -> Sequence[str | None]:
    """Return the object store's access key and secret key, None if not set."""
    return [environment(f"SOMERSAULT_{secret}") for secret in _STORAGE_SECRETS]
