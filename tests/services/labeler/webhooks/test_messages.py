"""What receivers are sent, against the specification."""

from __future__ import annotations

import base64
import json

from services.labeler.webhooks.messages import body_of, headers_of, message_id, new_secret


def test_the_signature_is_that_of_the_specification() -> None:
    """The pair of message and signature that implementations of Standard Webhooks test themselves with."""
    headers = headers_of(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        now_s=1614265330,
    )
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_secrets_are_random_and_long_enough() -> None:
    """24 to 64 bytes in base64 behind the prefix, never the same."""
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {secret[:6] for secret in secrets} == {"whsec_"}
    assert {len(base64.b64decode(secret[6:], validate=True)) for secret in secrets} == {32}


def test_a_body_tells_run_and_position() -> None:
    """And the moment of its newest row; without line breaks, letters as they are."""
    rows = [
        {"cursor": 7, "commit_id": "a", "commit_time_ms": 0},
        {"cursor": 8, "commit_id": "b", "commit_time_ms": 1_767_607_321_250, "reason": "é"},
    ]
    body = body_of("run-1", rows)
    assert json.loads(body) == {
        "type": "preferences.committed",
        "timestamp": "2026-01-05T10:02:01.250Z",
        "data": {"run_id": "run-1", "cursor": 8, "commit_id": "b", "rows": rows},
    }
    assert "é".encode() in body
    assert b"\n" not in body


def test_a_batch_is_named_by_what_is_in_it() -> None:
    """First and last position, without the full stop that delimits what is signed."""
    named = [message_id("webhook-1", begin=40, end=42, commit_id=commit_id) for commit_id in ("", "a1", "b2")]
    assert named == ["webhook-1-41-42", "webhook-1-41-42-a1", "webhook-1-41-42-b2"]
