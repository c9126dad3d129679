"""What a webhook's receiver is sent: a body, and headers that authenticate it and identify repeats.

Headers and signature are those of Standard Webhooks 1.0.0
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from somersault.formats.strict_json import dump_json

__all__ = ["body_of", "headers_of", "message_id", "new_secret"]

_SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
_SECRET_BYTES = 32  # the specification asks for 24 to 64


def new_secret() -> str:
    """Return a random key as the specification writes it, ``whsec_`` and base64."""
    return _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def message_id(webhook_id: str, *, begin: int, end: int, commit_id: str) -> str:
    """Return a batch's name, the same for each attempt since a batch keeps its rows. Without a period, which delimits.

    After the log went back, other rows have the same positions, but not the same ``commit_id``.
    """
    return "-".join(filter(None, (webhook_id, str(begin + 1), str(end), commit_id)))


def body_of(run_id: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """Return the JSON of one or more rows of a run's log, as an export has them: the same bytes for the same rows."""
    newest = datetime.fromtimestamp(rows[-1]["commit_time_ms"] / 1000, UTC)
    message = {
        "type": "preferences.committed",
        "timestamp": newest.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {
            "run_id": run_id,
            "cursor": rows[-1]["cursor"],
            "commit_id": rows[-1]["commit_id"],
            "rows": list(rows),
        },
    }
    return dump_json(message, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(message_id: str, body: bytes, *, secret: str, now_s: int) -> dict[str, str]:
    """Return the headers of one attempt, made at ``now_s`` seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
    signed = f"{message_id}.{now_s}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        "content-type": "application/json",
        "user-agent": "somersault",
        "webhook-id": message_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": f"v1,{signature}",
    }
