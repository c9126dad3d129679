"""Checks that apply to every setting of every service, and the one line that says which setting can't be used and why."""

from __future__ import annotations

import types
import typing
import unicodedata
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import annotated_types
import pydantic
from pydantic.fields import FieldInfo

from somersault.domain import texts
from somersault.domain.bounds import MAX_TEXT
from somersault.errors import InvalidInputError, shorten
from somersault.runtime.addresses import check_address, check_host
from somersault.runtime.urls import hide_secrets

__all__ = ["Address", "Host", "Name", "NonEmpty", "check_given", "check_plain", "describe_first", "settle"]

_UNPRINTABLE = frozenset(("Cc", "Cs"))  # control characters, and bytes that are not UTF-8


def check_given(cls: Any, value: Any, info: pydantic.ValidationInfo) -> Any:
    """Return the value given for a setting, unchanged.

    Raises:
        ValueError: it is a boolean where none is expected, or a text that is too long or has control characters.
    """
    field = cls.__pydantic_fields__[info.field_name]
    if isinstance(value, bool) and bool not in _leaves(field.annotation):
        raise ValueError("must be a number or a text")
    for text in value if isinstance(value, list | tuple) else (value,):
        if isinstance(text, pydantic.SecretStr):
            text = text.get_secret_value()  # noqa: PLW2901 - the same text
        if isinstance(text, str):
            check_plain(text)
    return value


def settle(value: Any) -> Any:
    """Return a setting's value as it is used: negative zero becomes zero."""
    return value + 0.0 if isinstance(value, float) else value


def describe_first(
    error: pydantic.ValidationError,
    config_type: type[pydantic.BaseModel],
    source_of: Callable[[Any, str], str],
) -> str:
    """Return one line for the first thing that is wrong: the setting, its value, its bounds. Secrets are not shown.

    Args:
        error: What pydantic found.
        config_type: The settings.
        source_of: Returns, for the settings class and the path of a setting, where the value came from; "" for a flag.
    """
    problem = error.errors(include_url=False)[0]
    place = [str(part) for part in problem["loc"]]
    field, path = _field_of(config_type, place)
    name = ".".join(path)
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{'.'.join(place)} is not a setting; --help lists them"
    if problem["type"] == "missing":
        return f"{name} is required"
    message = _message(problem["msg"])
    if field is None:  # of several settings together
        return message
    is_secret = pydantic.SecretStr in _leaves(field.annotation)
    given = "not shown here" if is_secret else _shown(problem["input"])
    range_words = _range_words(field)
    hint = f" ({range_words})" if range_words and problem["type"] not in _OF_BOUNDS else ""
    return f"{name} is {given}{source_of(config_type, name)}: {message}{hint}"


def _shown(value: object) -> str:
    """Return a value that was given, bounded, and a URL without its credentials."""
    return hide_secrets(shorten(hide_secrets(value) if isinstance(value, str) else value))


def _message(text: str) -> str:
    """Return pydantic's message, worded as our other messages are."""
    for theirs, ours in _WORDS.items():
        text = text.replace(theirs, ours)
    return text


_WORDS = {
    "Value error, ": "",
    "Input should be": "must be",
    "String should": "must",
    "Input is not a valid path": "must be a path",
    "Unable to parse input string as an integer, exceeded maximum size": "must be a smaller number",
}

_OF_BOUNDS = frozenset(("greater_than", "greater_than_equal", "less_than", "less_than_equal"))


def check_plain(text: str) -> None:
    """Check that a text is one line of visible characters.

    Raises:
        ValueError: it is too long, has control characters, or came as bytes that are not UTF-8.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"must have at most {MAX_TEXT:,} characters, not {len(text):,}")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in text):
        raise ValueError("must have no control characters and be valid UTF-8")


def _field_of(config_type: Any, place: list[str]) -> tuple[FieldInfo | None, list[str]]:
    """Return the setting at a place, None if it concerns several, and its path without pydantic's own words."""
    field, path, owner = None, list[str](), config_type
    for part in place:
        fields = getattr(owner, "__pydantic_fields__", {})
        if part not in fields:
            break
        field, owner = fields[part], fields[part].annotation
        path.append(part)
    return field, path


def _leaves(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation is made of."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType, tuple, list, Annotated):
        for part in typing.get_args(annotation):
            yield from _leaves(part)
    else:
        yield annotation


def _range_words(field: FieldInfo) -> str:
    """Return a number's bounds in words, "" if it has none."""
    words = []
    for bound in field.metadata:
        match bound:
            case annotated_types.Ge(ge=least):
                words.append(f"at least {least}")
            case annotated_types.Gt(gt=least):
                words.append(f"above {least}")
            case annotated_types.Le(le=most):
                words.append(f"at most {most}")
            case annotated_types.Lt(lt=most):
                words.append(f"below {most}")
    return ", ".join(words)


def _host(host: str) -> str:
    return _as_value_error(check_host, host)


def _address(address: str) -> str:
    return _as_value_error(check_address, address)


def _name(name: str) -> str:
    return _as_value_error(texts.check_name, name)


def _as_value_error(check: Any, value: str) -> str:
    """Return what a check returns, with its error turned into the kind that pydantic expects."""
    try:
        return str(check("", value))
    except InvalidInputError as error:
        raise ValueError(f"must be {str(error).rpartition(', must be ')[2]}") from error


Host = Annotated[str, pydantic.AfterValidator(_host)]
"""A host to listen on; an IPv6 address loses its brackets."""

Address = Annotated[str, pydantic.AfterValidator(_address)]
"""``host:port`` of a peer."""

Name = Annotated[str, pydantic.AfterValidator(_name)]
"""A name that may be part of an object's key."""

NonEmpty = Annotated[str, pydantic.StringConstraints(min_length=1)]
"""A text that must not be empty."""
