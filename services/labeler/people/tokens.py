"""Tokens: secrets that identify their holder, shown once, stored as their SHA-256."""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["new_token", "session_sha256", "sha256"]


def new_token() -> str:
    """Return 32 random bytes as 64 hexadecimal digits: safe in a shell, a URL and a flag."""
    return secrets.token_hex(32)


def sha256(token: str) -> str:
    """Return what is stored of a token, 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def session_sha256(session: str) -> str:
    """Return what is stored of a session, ``RUN/SECRET``: another one for another run, and never that of a token.

    No token holds the zero byte, which no call's metadata can.
    """
    return sha256(f"\0session {session}")
