"""Values of command-line options: bounded numbers, texts, paths and choices. Every option uses one of these.

Each is passed to typer as ``parser=``. A bad value is refused before the command begins, in one line with the option, the
value and the bound; a test covers every option of every command.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from somersault.domain import bounds
from somersault.errors import InvalidInputError, shorten
from somersault.runtime.setting_checks import check_plain

__all__ = [
    "FILE",
    "PORT",
    "SEED",
    "SEED_OF_EPISODES",
    "TEXT",
    "VERSION",
    "BadValue",
    "Choice",
    "Parsed",
    "Place",
    "RealNumber",
    "Text",
    "Value",
    "WholeNumber",
]

_PLAIN_NUMBER = re.compile(r"-?[0-9][0-9.]{0,39}")
_WHOLE = re.compile(r"[+-]?[0-9](_?[0-9])*")
_MAX_NAME_BYTES = 255  # of one part of a path: NAME_MAX of Linux and macOS


class BadValue(typer.BadParameter):
    """An option's value that can't be used; the message names the option, the value and what is allowed."""

    def format_message(self) -> str:
        """Return the message as one line."""
        param: Any = self.param
        if param is None:
            return self.message
        is_option = param.param_type_name == "option"
        name = max(param.opts, key=len) if is_option else str(param.name).upper()
        return f"{name} {self.message}"


class Value:
    """Parser of one kind of value."""

    bound = ""
    """What is allowed, in words."""

    @property
    def __name__(self) -> str:
        """The metavar that typer shows if an option has none of its own."""
        return "VALUE"

    def __call__(self, given: Any) -> Any:
        """Return the value.

        Raises:
            BadValue: it can't be used.
        """
        if not isinstance(given, str):  # a default
            return given
        try:
            check_plain(given)
            return self.parse(given)
        except ValueError as error:
            reason = str(error) or f"must be {self.bound}"
            shown = given if _PLAIN_NUMBER.fullmatch(given) else shorten(given)
            raise BadValue(f"is {shown}, {reason}") from error

    def parse(self, text: str) -> Any:
        """Return the parsed value of a text without control characters.

        Raises:
            ValueError: it can't be used; without a message the reason is `bound`.
        """
        raise NotImplementedError


class WholeNumber(Value):
    """A whole number."""

    def __init__(self, *, least: int, most: int, why: str = "") -> None:
        """Take the inclusive bounds and the reason for them."""
        self.least, self.most = least, most
        self.bound = f"{least:,} to {most:,}{f': {why}' if why else ''}"

    def parse(self, text: str) -> int:
        """Return the number."""
        if not _WHOLE.fullmatch(text.strip()) or len(text) > len(str(bounds.MAX_SEED)) * 2:
            raise ValueError(f"must be a whole number, {self.bound}")
        number = int(text)
        if not self.least <= number <= self.most:
            raise ValueError
        return number


class RealNumber(Value):
    """A finite number."""

    def __init__(self, *, least: float, most: float, is_below: bool = False) -> None:
        """Take the bounds; the upper one is exclusive if ``is_below``."""
        self.least, self.most, self._is_below = least, most, is_below
        self.bound = f"{least:g} to {'under ' if is_below else ''}{most:,g}"

    def parse(self, text: str) -> float:
        """Return the number; negative zero becomes zero."""
        try:
            number = float(text) + 0.0
        except ValueError as error:
            raise ValueError(f"must be a number, {self.bound}") from error
        if not self.least <= number <= self.most or (self._is_below and number == self.most):
            raise ValueError  # not a number, too
        return number


class Text(Value):
    """A text of one line."""

    def __init__(self, *, least: int = 1, most: int = bounds.MAX_TEXT) -> None:
        """Take the smallest and largest length."""
        self.least, self.most = least, most
        self.bound = f"{least} to {most:,} characters"

    def parse(self, text: str) -> str:
        """Return the text."""
        if not self.least <= len(text) <= self.most:
            raise ValueError
        return text


class Choice(Value):
    """One of a few words."""

    def __init__(self, choices: Sequence[str]) -> None:
        """Take the allowed words."""
        self.choices = tuple(choices)
        self.bound = f"one of {', '.join(self.choices)}"

    def parse(self, text: str) -> str:
        """Return the word."""
        if text not in self.choices:
            raise ValueError
        return text


class Place(Value):
    """A path, which need not exist."""

    bound = f"a path, each of its parts of at most {_MAX_NAME_BYTES} bytes"

    def parse(self, text: str) -> Path:
        """Return the path."""
        if not text or any(len(os.fsencode(part)) > _MAX_NAME_BYTES for part in Path(text).parts):
            raise ValueError
        return Path(text)


class Parsed(Value):
    """A value that a function parses."""

    def __init__(self, bound: str, parse: Callable[[str], Any], *, may_be_empty: bool = False) -> None:
        """Take the parsing function and a description of what it accepts.

        Args:
            bound: What is allowed, in words.
            parse: Returns the value or raises InvalidInputError.
            may_be_empty: Whether an empty text is allowed and means none.
        """
        self.bound, self.may_be_empty, self._parse = bound, may_be_empty, parse

    def parse(self, text: str) -> Any:
        """Return the function's result."""
        if not text and self.may_be_empty:
            return text
        try:
            return self._parse(text)
        except InvalidInputError as error:
            raise ValueError(f"must be {str(error).rpartition(', must be ')[2]}") from error


TEXT = Text()
FILE = Place()
PORT = WholeNumber(least=1, most=bounds.MAX_PORT)
SEED = WholeNumber(least=0, most=bounds.MAX_SEED)
SEED_OF_EPISODES = WholeNumber(least=0, most=bounds.MAX_SEED - bounds.MAX_EPISODES)  # one more for each part
VERSION = WholeNumber(least=0, most=bounds.MAX_VERSION)
