"""Strict JSON, as RFC 8259 defines it: `json.dumps` alone writes NaN and Infinity, which other readers refuse.

Input is not trusted; whatever is wrong with it is a `ValueError`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["dump_json", "load_json"]


def dump_json(value: Any, **options: Any) -> str:
    """Return a value as strict JSON; a measured number that is NaN or infinite becomes null.

    Args:
        value: Anything that `json.dumps` accepts.
        options: Those of `json.dumps`, such as ``indent``.

    Raises:
        TypeError: something in it has no JSON form.
    """
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:
        return json.dumps(_finite(value, options.pop("default", None)), allow_nan=False, **options)


def load_json(text: str | bytes, *, has_unique_names: bool = False) -> Any:
    """Return the value of a JSON text from an untrusted source.

    Args:
        text: The text.
        has_unique_names: Whether an object that names a member twice is refused; readers differ in which one they take.

    Raises:
        ValueError: it isn't JSON, or nested deeper than Python can read, for which `json.loads` raises another error.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique if has_unique_names else None)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(members)
    if len(named) < len(members):
        raise ValueError("an object names a member twice")
    return named


def _finite(value: Any, default: Callable[[Any], Any] | None) -> Any:
    """Return the same with None for each number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(each, default) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each, default) for each in value]
    if value is None or isinstance(value, str | int) or default is None:
        return value
    return _finite(default(value), default)
