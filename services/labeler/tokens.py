"""Secrets that name their holder: made here, shown once, stored as their SHA-256."""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["new_token", "sha256"]


def new_token() -> str:
    """Gives 32 random bytes in 43 characters of [A-Za-z0-9_-]."""
    return secrets.token_urlsafe(32)


def sha256(token: str) -> str:
    """Gives what is stored of a token: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()
