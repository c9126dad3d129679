"""Webhooks as owners see them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Webhook"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Holds where a run's log is sent and how far that got; its secret stays in the database."""

    webhook_id: str
    run_id: str
    url: str
    created_ms: int
    delivered_cursor: int
    """The receiver has taken the log up to here."""
    num_failures: int
    """Tries in a row that failed; 0 after a success."""
    success_ms: int
    """0 before the first one, as `error_ms`."""
    error_ms: int
    error: str
    """Why the newest of the failed tries failed."""
