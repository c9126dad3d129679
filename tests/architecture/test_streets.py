"""Hold the streets to a walkable length: no circle of imports, short folders, short files, short functions.

Every import counts, also one within a function or for types alone. That importing a module runs the ``__init__.py`` of
its packages doesn't.
"""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("somersault", "services", "benchmarks", "examples", "tools")
ENDINGS = (".py", ".ts", ".tsx")
GENERATED = ("somersault/v1/", "services/web/page/src/gen/")

MAX_FILES = 14
MAX_FILE_LINES = 400
MAX_BODY_LINES = 50
MAX_MEDIAN_BODY_LINES = 6

CHRONICLES = ("migrations/versions",)
"""Folders that only ever grow, by one file a change, and are read by date."""

_TYPESCRIPT_IMPORT = re.compile(r"""\b(?:from|import)\s*\(?\s*["'](\.{1,2}/[^"']+)["']""")


def test_no_files_import_each_other_in_a_circle() -> None:
    """Every file can be understood after the files that it imports."""
    circles = _circles({path: _imports(path, text) for path, text in _files().items()})
    assert not circles, "\n".join(" <-> ".join(circle) for circle in circles)


def test_no_folder_is_too_long() -> None:
    """A folder holds at most 14 files of code, so that a glance finds the one that is meant."""
    counts = Counter(str(PurePosixPath(path).parent) for path in _files())
    assert not {
        folder: num for folder, num in counts.items() if num > MAX_FILES and not folder.endswith(CHRONICLES)
    }


def test_no_file_is_too_long() -> None:
    """A file has at most 400 lines."""
    lengths = {path: text.count("\n") for path, text in _files().items()}
    assert not {path: num for path, num in lengths.items() if num > MAX_FILE_LINES}


def test_functions_are_short() -> None:
    """Half of all function bodies have at most 6 lines, and none has more than 50; docstrings don't count."""
    lengths = {name: num for path, text in _files().items() for name, num in _body_lengths(path, text)}
    assert not {name: num for name, num in lengths.items() if num > MAX_BODY_LINES}
    assert statistics.median(lengths.values()) <= MAX_MEDIAN_BODY_LINES


@pytest.mark.parametrize(
    ("imports", "circles"),
    [
        ({"a": ["b"], "b": ["c"], "c": []}, []),
        ({"a": ["b"], "b": ["a"], "c": ["a"]}, [["a", "b"]]),
        ({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["e"], "e": ["d"]}, [["a", "b", "c"], ["d", "e"]]),
        ({"a": ["a"]}, []),
    ],
)
def test_circles_are_found(imports: Mapping[str, Sequence[str]], circles: list[list[str]]) -> None:
    """All files of a circle are named, and none that only leads there."""
    assert _circles(imports) == circles


def test_every_way_to_import_a_file_is_seen() -> None:
    """A module counts whether it is imported whole, by a name in it, within a function or for types alone."""
    source = (
        "import somersault.rpc.backoff\n"
        "from somersault.storage import ObjectStore, keys_of\n"
        "from somersault import errors\n"
        "import numpy\n"
        "def f():\n    from somersault.rpc.channel import open_channel\n"
    )
    there = ["rpc/backoff.py", "rpc/channel.py", "storage/__init__.py", "errors.py", "__init__.py"]
    files = frozenset(f"somersault/{path}" for path in there)
    assert _python_imports(source, files) == {
        "somersault/rpc/backoff.py",
        "somersault/rpc/channel.py",
        "somersault/storage/__init__.py",
        "somersault/errors.py",
    }


def test_every_way_to_import_typescript_is_seen() -> None:
    """Imports of types, of values, for effects alone and on demand count; packages don't."""
    source = (
        'import type { A } from "./a";\nimport "../b";\nexport { c } from "./c/index";\n'
        'const d = await import("./d");\nimport { signal } from "@preact/signals";\n'
    )
    files = frozenset(("page/x/a.ts", "page/b.tsx", "page/x/c/index.ts", "page/x/d.ts"))
    assert _typescript_imports("page/x/here.ts", source, files) == set(files)


@cache
def _files() -> dict[str, str]:
    """Return the text of each file of code that git knows, by path below the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *FOLDERS],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return {
        path: (ROOT / path).read_text(encoding="utf-8")
        for path in sorted(listed)
        if path.endswith(ENDINGS) and not path.startswith(GENERATED) and (ROOT / path).is_file()
    }


def _imports(path: str, source: str) -> set[str]:
    files = frozenset(_files())
    return (
        _python_imports(source, files) if path.endswith(".py") else _typescript_imports(path, source, files)
    )


def _python_imports(source: str, files: frozenset[str]) -> set[str]:
    """Return the files among ``files`` that a Python file imports."""
    found: set[str | None] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(_module_file(alias.name, files) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                own_file = _module_file(f"{node.module}.{alias.name}", files)
                found.add(own_file or _module_file(node.module, files))
    return {path for path in found if path}


def _module_file(module: str, files: frozenset[str]) -> str | None:
    path = module.replace(".", "/")
    return next((file for file in (f"{path}.py", f"{path}/__init__.py") if file in files), None)


def _typescript_imports(path: str, source: str, files: frozenset[str]) -> set[str]:
    """Return the files among ``files`` that a TypeScript file imports."""
    folder = PurePosixPath(path).parent
    places = (_resolve(folder, name) for name in _TYPESCRIPT_IMPORT.findall(source))
    candidates = (f"{place}{ending}" for place in places for ending in ("", ".ts", ".tsx", "/index.ts"))
    return {candidate for candidate in candidates if candidate in files}


def _resolve(folder: PurePosixPath, name: str) -> str:
    parts = list(folder.parts)
    for part in name.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return re.sub(r"\.js$", "", "/".join(parts))


def _circles(imports: Mapping[str, Sequence[str] | set[str]]) -> list[list[str]]:
    """Return the groups of files each of which reaches all others of its group, by name."""
    reached = {path: _reach(path, imports) for path in imports}
    groups = {
        tuple(sorted(other for other in reached[path] if path in reached.get(other, ()))) for path in imports
    }
    return sorted(list(group) for group in groups if len(group) > 1)


def _reach(path: str, imports: Mapping[str, Sequence[str] | set[str]]) -> set[str]:
    """Return all files that a file imports, directly or by way of others."""
    reached: set[str] = set()
    waiting = list(imports[path])
    while waiting:
        other = waiting.pop()
        if other not in reached:
            reached.add(other)
            waiting += imports.get(other, ())
    return reached


def _body_lengths(path: str, source: str) -> Iterator[tuple[str, int]]:
    """Yield the place of each Python function and the lines of its body, its docstring left out."""
    if not path.endswith(".py"):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
            yield f"{path}:{node.lineno} {node.name}", _num_lines(statements)


def _num_lines(statements: Sequence[ast.stmt]) -> int:
    if not statements:
        return 0
    end = statements[-1].end_lineno
    assert end is not None
    return end - statements[0].lineno + 1
