"""Which keys an object may have: those that are safe as a path below a root and as an S3 object name."""

from __future__ import annotations

from somersault.errors import InvalidInputError

MAX_KEY_BYTES = 512  # S3 allows 1024, and the store's own prefix comes first
MAX_COMPONENT_BYTES = 200  # file systems allow 255
TEMPORARY_PREFIX = ".tmp-"  # reserved: what the folder store has not finished writing

_KEY_BOUND = (
    f"at most {MAX_KEY_BYTES} bytes: printable components of 1 to {MAX_COMPONENT_BYTES} bytes "
    "joined by single slashes, without backslashes, none '.' or '..' or starting with "
    f"{TEMPORARY_PREFIX!r}"
)


def check_key(key: str) -> None:
    """Refuse a key that could lead out of the store's root or that some store can't hold.

    Raises:
        InvalidInputError: it is absolute, too long, not printable, or has a component like ``..``.
    """
    if not _is_in_bounds(key) or not all(map(_is_component, key.split("/"))):
        raise InvalidInputError("object key", key, _KEY_BOUND)


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that no key could start with; the last component may be partial or empty.

    Raises:
        InvalidInputError: as for `check_key`.
    """
    *folders, last = prefix.split("/")
    if not _is_in_bounds(prefix) or not all(map(_is_component, folders)) or last == "..":
        raise InvalidInputError("object prefix", prefix, f"the start of a key: {_KEY_BOUND}")


def _is_in_bounds(text: str) -> bool:
    # A lone surrogate, which UTF-8 can't encode, is not printable either.
    return text.isprintable() and "\\" not in text and len(text.encode()) <= MAX_KEY_BYTES


def _is_component(text: str) -> bool:
    return (
        text not in ("", ".", "..")
        and not text.startswith(TEMPORARY_PREFIX)
        and len(text.encode()) <= MAX_COMPONENT_BYTES
    )
