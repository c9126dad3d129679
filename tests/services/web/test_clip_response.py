"""Ranges and conditions of clips."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from services.web.clip_response import clip_response
from services.web.labeler_client import Clip

CLIP = Clip(b"0123456789", "abc")


@pytest.mark.parametrize(
    ("asked", "body", "content_range"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-4", b"6789", "bytes 6-9/10"),
        ("bytes=-40", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_range_is_served(asked, body, content_range):
    """A player gets the bytes it asks for."""
    response = clip_response(CLIP, Headers({"range": asked}))

    assert (response.status_code, response.body) == (206, body)
    assert response.headers["content-range"] == content_range


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=5-4", "bytes=-0", "bytes=-"])
def test_range_outside_the_clip_is_refused(asked):
    """The answer names the clip's size, so that the player can ask again."""
    response = clip_response(CLIP, Headers({"range": asked}))

    assert response.status_code == 416
    assert response.headers["content-range"] == "bytes */10"


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "lines=1-2", "bytes=a-b", ""])
def test_other_range_gets_the_whole_clip(asked):
    """Ranges that can't be parsed are ignored, as RFC 9110 says."""
    response = clip_response(CLIP, Headers({"range": asked}))

    assert (response.status_code, response.body) == (200, CLIP.data)


def test_range_of_another_version_gets_the_whole_clip():
    """Bytes of two versions are never joined."""
    response = clip_response(CLIP, Headers({"range": "bytes=0-3", "if-range": '"other"'}))

    assert response.status_code == 200


def test_clip_is_cached_for_good_under_its_hash():
    """The same clip isn't sent to a browser twice."""
    first = clip_response(CLIP, Headers({}))
    again = clip_response(CLIP, Headers({"if-none-match": first.headers["etag"]}))

    assert first.headers["etag"] == '"abc"'
    assert "immutable" in first.headers["cache-control"]
    assert (again.status_code, again.body) == (304, b"")
