"""Secrets that name their holder: made here, shown once, stored as their SHA-256."""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["new_token", "sha256"]


def new_token() -> str:
    """Gives 32 random bytes as 64 hexadecimal digits: nothing a shell, an address or a flag could take for its own."""
    return secrets.token_hex(32)


def sha256(token: str) -> str:
    """Gives what is stored of a token: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()
