"""Holds docs/guarantees.md to its tests: each that it names is there."""

from __future__ import annotations

import ast
import re

from tests.docs.documents import ROOT, code_spans, read


def test_every_named_test_exists() -> None:
    """A guarantee stands on tests that can be run."""
    missing = [name for name in _named() if name.partition("::")[2] not in _tests_of(name.partition("::")[0])]
    assert missing == []


def test_every_guarantee_names_a_test() -> None:
    """Above the second half each bold promise is followed by at least one test."""
    holds, _, _ = read(ROOT / "docs/guarantees.md").text.partition("## What does not hold yet")
    promises = re.split(r"^\*\*", holds, flags=re.MULTILINE)[1:]
    assert len(promises) >= 8
    assert [promise[:40] for promise in promises if "\n- `tests/" not in promise] == []


def _named() -> list[str]:
    return [span for span in code_spans(read(ROOT / "docs/guarantees.md").text) if "::" in span]


def _tests_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    defined = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
    # A state machine becomes a test by a name given to it.
    given = {
        ast.unparse(target) for node in tree.body if isinstance(node, ast.Assign) for target in node.targets
    }
    return {name for name in defined | given if name.lower().startswith("test")}
