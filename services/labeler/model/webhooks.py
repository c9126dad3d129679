"""Webhooks as owners see them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Webhook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where a run's log is sent, and how far delivery got; the secret stays in the database."""

    webhook_id: str
    run_id: str
    url: str
    created_ms: int
    delivered_cursor: int
    """The receiver has accepted the log up to here."""
    num_failures: int
    """Failed attempts in a row; 0 after a success."""
    success_ms: int
    """0 before the first one; likewise `error_ms`."""
    error_ms: int
    error: str
    """Why the newest failed attempt failed."""
