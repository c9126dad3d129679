"""Looks over a JSON body before Python makes objects of it: so many parts at most, so deep at most."""

from __future__ import annotations

import re

from somersault.errors import ResourceExhaustedError
from somersault.rpc.wire_scan import MAX_DEPTH

__all__ = ["scan_json"]

MAX_JSON_DEPTH = 2 * MAX_DEPTH  # a list of messages is one deeper than the messages

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)  # possessive: nothing is looked at twice


def scan_json(body: bytes, *, name: str, max_parts: int) -> None:
    """Check a body's parts and depth; whether it is JSON at all, who parses it says.

    Args:
        body: The body.
        name: What errors call it.
        max_parts: How many members and entries it may have, at every depth together.

    Raises:
        ResourceExhaustedError: It has more, or is too deep.
    """
    depth = num_parts = 0
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth -= 1
        if first in b"[{,":
            num_parts += 1
        if num_parts > max_parts:
            raise ResourceExhaustedError(
                f"{name} has more than {max_parts} parts, must have at most {max_parts}: send fewer entries at once"
            ).never()
        if depth > MAX_JSON_DEPTH:
            raise ResourceExhaustedError(
                f"{name} is nested {depth} deep, must be at most {MAX_JSON_DEPTH}"
            ).never()
