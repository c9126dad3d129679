"""Every setting of every service has bounds, and what is out of them is refused in one line.

Generated from the settings classes: a number without both bounds fails here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from somersault.cli.services.programs import MODULES
from somersault.domain.bounds import MAX_TEXT
from somersault.runtime.setting_checks import describe_first
from tests.docs.settings import settings_of

NEEDED: dict[str, dict[str, Any]] = {
    "simulator": {"task": "pendulum", "storage_url": "file:///tmp"},
    "learner": {"task": "pendulum", "storage_url": "file:///tmp", "run_id": "run"},
    "reward": {"task": "pendulum", "storage_url": "file:///tmp", "run_id": "run"},
    "labeler": {"database_url": "sqlite:////tmp/x", "storage_url": "file:///tmp"},
    "teacher": {"storage_url": "file:///tmp", "run_id": "run", "token": "t"},
    "web": {"labeler_address": "127.0.0.1:7004"},
}
assert NEEDED.keys() == MODULES.keys()


@dataclass(frozen=True)
class Setting:
    """One setting, of a service or of a component of it."""

    service: str
    path: tuple[str, ...]
    kinds: frozenset[str]
    """What JSON schema calls what it takes."""
    numbers: tuple[tuple[Any, Any], ...]
    """Least and most of each kind of number that it takes, those that are not allowed themselves among them."""
    choices: frozenset[str]


def _settings() -> Iterator[Setting]:
    for service in MODULES:
        schema = settings_of(service).model_json_schema()
        yield from _walk(service, schema, (), schema.get("$defs", {}))


def _walk(service: str, node: dict[str, Any], path: tuple[str, ...], defs: Any) -> Iterator[Setting]:
    leaves = [_resolved(leaf, defs) for leaf in _leaves(node)]
    inner = [leaf for leaf in leaves if "properties" in leaf]
    for leaf in inner:
        for name, child in leaf["properties"].items():
            yield from _walk(service, child, (*path, name), defs)
    if not inner:
        numbers = tuple(
            (
                leaf.get("minimum", leaf.get("exclusiveMinimum")),
                leaf.get("maximum", leaf.get("exclusiveMaximum")),
            )
            for leaf in leaves
            if leaf.get("type") in ("integer", "number")
        )
        kinds = frozenset(leaf.get("type", "any") for leaf in leaves)
        choices = frozenset(choice for leaf in leaves for choice in leaf.get("enum", [leaf.get("const")]))
        yield Setting(service, path, kinds, numbers, choices - {None})


def _leaves(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("anyOf", "allOf"):
        if key in node:
            for part in node[key]:
                yield from _leaves(part)
            return
    yield node


def _resolved(node: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    return defs[node["$ref"].rpartition("/")[2]] if "$ref" in node else node


SETTINGS = list(_settings())
_NO_NUMBERS: tuple[Any, ...] = (
    "nan",
    "inf",
    "-inf",
    "many",
    "",
    "1,5",
    "9" * 5000,
    float("nan"),
    float("inf"),
    [],
    {},
)
_NEVER_PLAIN = ("a\x00b", "a\nb", "\x1b[31mred", "\udcff", "x" * (MAX_TEXT + 1), True, 10**400)


def _bad_values(setting: Setting) -> Iterator[Any]:
    """Yield what the setting must not take, from what it declares."""
    if "boolean" in setting.kinds:
        yield from ("many", "", 2, "nan")
        return
    yield from _NEVER_PLAIN
    if setting.numbers:
        yield from _NO_NUMBERS
        yield from ("1.5x", 2**63, 2**64, -(2**63), "-1e400", 1e308)
    for least, most in setting.numbers:
        yield from (least - 1, most + 1, str(most + 1), most * 2.5)
    if setting.choices:
        yield from {"", "no such word"} - setting.choices


def _values(setting: Setting, value: Any) -> dict[str, Any]:
    """Return a config file's content that sets one setting so, and others to what they must be."""
    values = dict(NEEDED[setting.service])
    place = values
    for part in setting.path[:-1]:
        place = place.setdefault(part, {})
    place[setting.path[-1]] = value
    return values


def _id(setting: Setting) -> str:
    return f"{setting.service}.{'.'.join(setting.path)}"


@pytest.mark.parametrize("setting", SETTINGS, ids=_id)
def test_every_number_declares_both_bounds(setting: Setting) -> None:
    """And they are in order."""
    for least, most in setting.numbers:
        assert least is not None, "give it ge= or gt="
        assert most is not None, "give it le= or lt="
        assert -(2**63) <= least <= most < 2**63


@pytest.mark.parametrize("setting", SETTINGS, ids=_id)
def test_what_is_out_of_bounds_is_one_line(setting: Setting) -> None:
    """It names the setting and what it must be, and is short."""
    kind = settings_of(setting.service)
    for value in _bad_values(setting):
        with pytest.raises(pydantic.ValidationError) as raised:
            kind(**_values(setting, value))
        line = describe_first(raised.value, kind, lambda *_: "")
        assert line.startswith(f"{'.'.join(setting.path)} is "), (value, line)
        assert ": must " in line, (value, line)
        assert "\n" not in line
        assert len(line) < 500
