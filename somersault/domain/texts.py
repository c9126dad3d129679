"""Which texts are accepted: names, identities and paths; questions, guidelines, reasons, results in words."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from somersault.errors import InvalidInputError

__all__ = [
    "IDENTITY_PATTERN",
    "MAX_GUIDELINES",
    "MAX_QUESTION",
    "check_guidelines",
    "check_identity",
    "check_name",
    "check_path",
    "check_task_name",
    "check_text",
]

MAX_QUESTION = 2000  # characters
MAX_GUIDELINES = 20_000

IDENTITY_PATTERN = "^([0-9a-f]{32})?$"
"""What a setting accepts as a run's identity: empty, or what `check_identity` accepts."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_IDENTITY = re.compile(r"[0-9a-f]{32}")

_TASK_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:/+-]{0,199}")

# What CommonMark 0.31 may take for raw HTML (section 6.6): a tag, a comment, a declaration, an instruction.
_RAW_HTML = re.compile(r"<[A-Za-z/!?]")

_OVERRIDES = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Characters that turn the direction of what follows, so that it reads as something else."""

_ENDS_OF_LINES = frozenset("\u2028\u2029")
_UNSEEN = frozenset(("Cc", "Cf", "Zl", "Zp", "Zs"))  # Unicode categories of invisible characters


def check_name(field: str, value: str) -> str:
    """Return ``value`` if it may name a run, a segment or an answer.

    Raises:
        InvalidInputError: it is not 1 to 64 characters of ``[A-Za-z0-9._-]`` beginning with a letter or digit.
    """
    if not _NAME.fullmatch(value):
        bound = "1 to 64 characters of [A-Za-z0-9._-], beginning with a letter or digit"
        raise InvalidInputError(field, value, bound)
    return value


def check_identity(field: str, value: str) -> str:
    """Return ``value`` if it may be a run's identity, which is drawn when the run begins.

    Raises:
        InvalidInputError: it is not 32 lower-case hexadecimal digits.
    """
    if not _IDENTITY.fullmatch(value):
        raise InvalidInputError(field, value, "32 lower-case hexadecimal digits")
    return value


def check_path(field: str, path: Path) -> Path:
    """Return a path that can be printed on one line, stored and sent: file systems accept bytes that aren't text.

    Raises:
        InvalidInputError: it is not UTF-8, or has control characters.
    """
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in str(path)):
        raise InvalidInputError(
            field, str(path), "a path in UTF-8 without control characters; rename the folder"
        )
    return path


def check_text(field: str, text: str, *, least: int = 0, most: int, has_lines: bool = False) -> None:
    """Check a text that is shown to people, on pages and in terminals.

    Args:
        field: Its name.
        text: The text; an empty one means none if ``least`` is 0.
        least: The minimum number of characters.
        most: The maximum number of characters.
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


def check_guidelines(field: str, text: str) -> None:
    """Check guidelines, which tell labelers what to judge by.

    Raises:
        InvalidInputError: it is blank, too long, has control characters, or may hold raw HTML.
    """
    check_text(field, text, least=1, most=MAX_GUIDELINES, has_lines=True)
    if found := _RAW_HTML.search(text):
        at = text[found.start() : found.start() + 20]
        raise InvalidInputError(field, at, "Markdown without raw HTML; write &lt; for <")


def check_task_name(field: str, name: str) -> str:
    """Return a task's name, which may be a Gymnasium id such as ``ale_py:ALE/Pong-v5``.

    Raises:
        InvalidInputError: it isn't one.
    """
    if not _TASK_NAME.fullmatch(name):
        bound = "1 to 200 characters of [A-Za-z0-9._:/+-], beginning with a letter, a digit or an underscore"
        raise InvalidInputError(field, name, bound)
    return name


def _is_refused(character: str, *, has_lines: bool) -> bool:
    if character in _ENDS_OF_LINES:
        return not has_lines
    return unicodedata.category(character) == "Cc" or character in _OVERRIDES
