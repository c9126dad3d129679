"""No path is put into a URL by hand: `somersault.runtime.urls` is where that is done, by the libraries' constructors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.test_imports import FOLDERS, GENERATED, ROOT

EXEMPT = {"somersault/runtime/urls.py"}
_SCHEME = re.compile(r"(file|sqlite)(\+\w+)?:[/{]*$")
"""The end of a text that is followed by a path."""


def urls_by_hand(source: str) -> Iterator[int]:
    """Yield the lines on which text that ends like the beginning of a URL is joined with something else."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            pairs = zip(node.values, node.values[1:], strict=False)
            before = [one for one, following in pairs if isinstance(following, ast.FormattedValue)]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            before = [node.left]
        else:
            continue
        ends = [one.values[-1] if isinstance(one, ast.JoinedStr) and one.values else one for one in before]
        for one in ends:
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and _SCHEME.search(one.value):
                yield node.lineno


@cache
def sources() -> list[Path]:
    """Every Python file that is written by hand."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if not any(path.relative_to(ROOT).match(one) for one in GENERATED)]


def test_paths_become_urls_in_one_place() -> None:
    """A `?`, `#` or `%` in a folder's name leads a URL made by hand somewhere else."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        if str(path.relative_to(ROOT)) not in EXEMPT
        for line in urls_by_hand(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"use somersault.runtime.urls: {', '.join(found)}"


@pytest.mark.parametrize(
    "source",
    [
        'f"file://{x}"',
        'f"--url=sqlite:///{x}/y"',
        '"sqlite:///" + str(x)',
        'f"{a}=file://" + x',
        'f"file:{x}?mode=ro"',
    ],
)
def test_urls_by_hand_are_found(source: str) -> None:
    """In each way of joining text."""
    assert list(urls_by_hand(source)) == [1]


@pytest.mark.parametrize(
    "source", ['"file:///ABSOLUTE/PATH"', 'f"profile: {x}"', 'f"{x}.sqlite"', '"file: " + x']
)
def test_other_text_is_no_url(source: str) -> None:
    """Nor is a URL that is written out."""
    assert not list(urls_by_hand(source))
