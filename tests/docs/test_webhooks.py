"""Runs what docs/webhooks.md tells receivers to check signatures with."""

from __future__ import annotations

import time

import pytest

from services.labeler.webhooks.messages import headers_of, new_secret
from somersault.wire.preference_rows import COLUMNS
from tests.docs.documents import ROOT, read
from tests.services.labeler.webhooks.receiver import documented_check

SECRET, BODY = new_secret(), '{"reason":"é"}'.encode()


def _headers(now_s: float | None = None) -> dict[str, str]:
    return headers_of("webhook-1-1-2", BODY, secret=SECRET, now_s=int(now_s or time.time()))


def test_what_is_sent_passes_the_documented_check() -> None:
    """Also beside a signature of another kind, as the specification allows."""
    is_signed = documented_check()
    assert is_signed(SECRET, _headers(), BODY)
    both = f"v1a,abc {_headers()['webhook-signature']}"
    assert is_signed(SECRET, _headers() | {"webhook-signature": both}, BODY)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "webhook-1-1-3"},
        {"webhook-timestamp": str(int(time.time()) + 100)},
        {"webhook-signature": "v1,"},
        {"webhook-signature": ""},
    ],
)
def test_a_changed_header_does_not(changed: dict[str, str]) -> None:
    """Name and time are signed too."""
    assert not documented_check()(SECRET, _headers() | changed, BODY)


def test_another_body_secret_or_time_does_not() -> None:
    """A request that was kept is of no use after five minutes."""
    is_signed = documented_check()
    assert not is_signed(SECRET, _headers(), BODY + b" ")
    assert not is_signed(new_secret(), _headers(), BODY)
    assert not is_signed(SECRET, _headers(time.time() - 400), BODY)


def test_the_example_shows_columns_that_there_are() -> None:
    """The rows on the page are rows of an export."""
    text = read(ROOT / "docs/webhooks.md").text
    assert '{"kind":"preference","cursor":41,' in text
    assert list(COLUMNS)[:2] == ["kind", "cursor"]
