"""Pages of a list: their sizes, and the tokens that lead to the next one."""

from __future__ import annotations

from somersault.errors import InvalidInputError

__all__ = ["MAX_PAGE", "screen_size", "size", "start"]

MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_SCREEN = 100  # of items with clips
DEFAULT_SCREEN = 12  # what fits on a screen


def size(page_size: int) -> int:
    """Return the size of a page, 100 for 0.

    Raises:
        InvalidInputError: it is not 0 to 1,000.
    """
    page_size = page_size or DEFAULT_PAGE
    if not 1 <= page_size <= MAX_PAGE:
        raise InvalidInputError("page_size", page_size, f"1 to {MAX_PAGE}")
    return page_size


def screen_size(page_size: int) -> int:
    """Return the size of a page of items with clips, 12 for 0.

    Raises:
        InvalidInputError: it is not 0 to 100.
    """
    size = page_size or DEFAULT_SCREEN
    if not 1 <= size <= MAX_SCREEN:
        raise InvalidInputError("page_size", page_size, f"1 to {MAX_SCREEN}")
    return size


def start(page_token: str) -> int | None:
    """Return the number that a page continues from; None for the first page.

    Raises:
        InvalidInputError: the token is invalid.
    """
    if not page_token:
        return None
    if not (page_token.isascii() and page_token.isdigit() and len(page_token) <= 18):
        raise InvalidInputError("page_token", page_token, "one from the last response")
    return int(page_token)
