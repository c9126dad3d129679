"""Holds the failpoints of the code, their list and docs/faults.md to each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from somersault.runtime.failpoints import POINTS
from tests.docs.documents import ROOT, code_spans, read


def test_every_failpoint_is_listed_and_each_of_the_list_is_in_the_code() -> None:
    """A point that nothing passes would never be tried."""
    assert sorted(set(_passed())) == sorted(POINTS)


def test_the_documents_list_every_failpoint() -> None:
    """With the same words as the code, in order."""
    rows = [row for row in _rows() if len(row) == 2 and row[0].strip("`") in POINTS]
    assert [(code_spans(name)[0], meaning) for name, meaning in rows] == sorted(POINTS.items())


def _rows() -> list[list[str]]:
    """Return the cells of all rows of the tables about failpoints."""
    document = read(ROOT / "docs/faults.md")
    lines = document.text.partition("\n## Failpoints\n")[2].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def _passed() -> Iterator[str]:
    """Yield the names of all calls of `failpoint` in the product."""
    for folder in ("somersault", "services"):
        for path in (ROOT / folder).rglob("*.py"):
            yield from _calls(path)


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "failpoint":
            (name,) = node.args
            assert isinstance(name, ast.Constant), f"{path}:{node.lineno}: the name must be written out"
            yield str(name.value)
