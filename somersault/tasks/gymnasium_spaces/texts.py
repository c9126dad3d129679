"""Describes spaces of Gymnasium, and the numbers in them, on one line."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from somersault.errors import InvalidInputError

__all__ = ["counted", "listed", "space_name", "unusable"]

_MAX_NAME = 200  # Gymnasium prints pages of bounds
_MAX_LISTED = 8


def space_name(space: Any) -> str:
    """Return a space as Gymnasium prints it, on one line and not too long."""
    return textwrap.shorten(str(space), _MAX_NAME, placeholder=" …")


def unusable(what: str, space: Any, bound: str) -> InvalidInputError:
    """Return the error that refuses a space on one line, with what it must be."""
    return InvalidInputError(f"{what} is {space_name(space)}, must be {bound}")


def listed(values: Any) -> str:
    """Return the number if all are equal, else the first few."""
    numbers = [f"{value:g}" for value in np.ravel(values).tolist()]
    if len(set(numbers)) == 1:
        return numbers[0]
    more = ", …" if len(numbers) > _MAX_LISTED else ""
    return f"({', '.join(numbers[:_MAX_LISTED])}{more})"


def counted(number: int, noun: str) -> str:
    """Return "1 bit" or "3 bits"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
