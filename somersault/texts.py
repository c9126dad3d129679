"""Which texts people may give: questions, guidelines, names, reasons, results in words."""

from __future__ import annotations

import unicodedata

from somersault.errors import InvalidInputError

__all__ = ["check_text"]

_OVERRIDES = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Turn the direction of what follows, so that it reads as what it is not."""

_ENDS_OF_LINES = frozenset("\u2028\u2029")
_UNSEEN = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs"))  # Unicode's categories of what leaves no mark


def check_text(field: str, text: str, *, least: int = 0, most: int, has_lines: bool = False) -> None:
    """Check a text that is shown to people, on pages and in terminals.

    Args:
        field: Its name.
        text: What was given; empty, where ``least`` is 0, is none.
        least: Characters it must have.
        most: Characters it may have.
        has_lines: Whether newlines (LF or CR LF) and tabs are allowed.

    Raises:
        InvalidInputError: it is too short or too long, blank, or has control characters or overrides of direction.
    """
    if not least <= len(text) <= most:
        bound = f"{least} to {most} characters" if least else f"at most {most} characters"
        raise InvalidInputError(f"length of {field}", len(text), bound)
    allowed = "newlines and tabs, but no other" if has_lines else "no"
    lines = text.replace("\r\n", "  ").translate({0x09: " ", 0x0A: " "}) if has_lines else text
    for at, character in enumerate(lines):
        if _is_refused(character, has_lines=has_lines):
            found = f"U+{ord(character):04X}"
            bound = f"text with {allowed} control characters, and no overrides of direction"
            raise InvalidInputError(f"character {at + 1} of {field}", found, bound)
    if text and all(unicodedata.category(character) in _UNSEEN for character in text):
        raise InvalidInputError(field, text, "more than blanks")


def _is_refused(character: str, *, has_lines: bool) -> bool:
    if character in _ENDS_OF_LINES:
        return not has_lines
    return unicodedata.category(character) == "Cc" or character in _OVERRIDES
