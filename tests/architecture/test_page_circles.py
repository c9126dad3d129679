"""Holds the pages' TypeScript to have no circle of files: each file can be read after those it imports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "services/web/page/src"
RELATIVE_IMPORT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](\.{1,2}/[^"']+)["']""")
SUFFIXES = ("", ".ts", ".tsx", ".d.ts")


def test_no_circle_of_files() -> None:
    """Imports of types count: whoever reads a file has to look them up all the same."""
    files = sorted(path for path in SOURCES.rglob("*.ts*") if "gen" not in path.relative_to(SOURCES).parts)
    assert len(files) > 50
    imports = {str(path.relative_to(SOURCES)): _imports(path) for path in files}
    assert _circle(imports) == []


@pytest.mark.parametrize(
    ("imports", "circle"),
    [
        ({"a": ["b", "c"], "b": ["c"], "c": []}, []),
        ({"a": ["b"], "b": ["c"], "c": ["a"], "d": []}, ["a", "b", "c"]),
    ],
)
def test_a_circle_is_found(imports: Mapping[str, list[str]], circle: list[str]) -> None:
    """The files of a circle are named."""
    assert sorted(set(_circle(imports))) == circle


def _imports(path: Path) -> list[str]:
    """Return the files that a file imports, below the sources."""
    found = []
    for name in RELATIVE_IMPORT.findall(path.read_text(encoding="utf-8")):
        targets = [(path.parent / (name + suffix)).resolve() for suffix in SUFFIXES]
        target = next((one for one in targets if one.is_file()), None)
        assert target is not None, f"{path}: {name} is no file"
        found.append(str(target.relative_to(SOURCES)))
    return found


def _circle(imports: Mapping[str, list[str]]) -> list[str]:
    """Return the files of one circle, the first one again at the end; none if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []
