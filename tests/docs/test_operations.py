"""Holds docs/operations.md to what services log."""

from __future__ import annotations

import ast

from tests.docs.documents import ROOT, code_spans, read, table_rows


def test_every_event_that_is_explained_is_logged() -> None:
    """An operator who greps for an event finds it."""
    rows = table_rows(read(ROOT / "docs/operations.md"), heading="### Logs")
    explained = {event for row in rows for event in code_spans(row[0])}
    assert explained - _logged() == set()


def _logged() -> set[str]:
    """Return every string that stands first in a call of a logger, chosen between two included."""
    events: set[str] = set()
    for path in [*(ROOT / "somersault").rglob("*.py"), *(ROOT / "services").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("_log.") and node.args:
                strings = (part for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant))
                events.update(str(part.value) for part in strings)
    return events
