"""The table of an export's columns is what files hold."""

from __future__ import annotations

from somersault.wire.preference_rows import COLUMNS, columns_of
from tests.docs.documents import ROOT, code_spans, read, table_rows


def test_the_table_of_columns_is_the_schema() -> None:
    """Every column with its type and the kinds that have it."""
    page = read(ROOT / "docs/labeler-api.md")
    rows = table_rows(page, heading="## An export's columns")
    told = {name: kinds for names, _, kinds, _ in rows for name in code_spans(names)}
    assert {name: column for names, column, *_ in rows for name in code_spans(names)} == COLUMNS
    plain, gold, weight = (
        set(columns_of(kind, is_gold=is_gold))
        for kind, is_gold in (("preference", False), ("preference", True), ("weight", False))
    )
    for name, kinds in told.items():
        expected = {"both": (True, True, True), "weight": (False, False, True)}.get(
            kinds, ("gold" not in kinds, True, False)
        )
        assert (name in plain, name in gold, name in weight) == expected, name
