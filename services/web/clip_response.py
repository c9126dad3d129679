"""A clip as an HTTP response: cached for good under its hash, and in ranges, which video elements ask for."""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.responses import Response

from services.web.labeler_client import Clip

__all__ = ["clip_response"]

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def clip_response(clip: Clip, headers: Headers, *, is_lasting: bool = True) -> Response:
    """Return all of a clip, one range of it, or 304 if the browser has it.

    Conditions and ranges follow RFC 9110, sections 13 and 14, which allows the whole clip where several ranges are asked
    for.

    Args:
        clip: The clip.
        headers: The request's headers.
        is_lasting: Whether the address will always be this clip's; otherwise browsers ask again each time.
    """
    etag = f'"{clip.sha256}"'
    shared = {
        # Only its labeler may see it, so shared caches must not keep it.
        "cache-control": "private, max-age=31536000, immutable" if is_lasting else "private, no-cache",
        "etag": etag,
        "accept-ranges": "bytes",
    }
    if etag in headers.get("if-none-match", ""):
        return Response(status_code=304, headers=shared)
    size = len(clip.data)
    wanted = _RANGE.fullmatch(headers.get("range", ""))
    if wanted is None or headers.get("if-range", etag) != etag:
        return Response(clip.data, headers=shared, media_type=clip.media_type)
    first, last = _bounds(wanted[1], wanted[2], size)
    if first > last:
        return Response(status_code=416, headers={**shared, "content-range": f"bytes */{size}"})
    shared["content-range"] = f"bytes {first}-{last}/{size}"
    return Response(clip.data[first : last + 1], 206, headers=shared, media_type=clip.media_type)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the first and last byte of a range; the first is past the last if it can't be satisfied."""
    if not first:
        suffix = int(last or 0)
        return (max(0, size - suffix), size - 1) if suffix else (size, size - 1)
    end = min(int(last), size - 1) if last else size - 1
    return int(first), end
