"""Files of a preference log's rows: what one format holds every other does, and what is wrong is told by its line."""

from __future__ import annotations

import io
import itertools
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from somersault.errors import CorruptDataError, InvalidInputError, SomersaultError
from somersault.wire.preference_checks import check_log_row
from somersault.wire.preference_files import FORMATS, FileFormat, format_of, open_writer, read_rows
from somersault.wire.preference_rows import COLUMNS, message_from_row, row_from_message

CHANGE: dict[str, Any] = dict.fromkeys(COLUMNS) | {
    "kind": "weight",
    "cursor": 2,
    "run_id": "r",
    "labeler_id": "l",
    "weight": 0.1,
    "commit_time_ms": 1_700_000_000_123,
    "changed_by": "",
    "reason": 'é "two"\r\nlines, and; a\ttab',
    "change_id": "w1",
    "commit_id": "c1",
}
_PLAIN = {"string": "", "int64": 0, "float64": 1.0, "bool": True}
ANSWER: dict[str, Any] = {name: _PLAIN[kind] for name, kind in COLUMNS.items()} | {
    "kind": "preference",
    "cursor": 1,
    "run_id": "r",
    "labeler_id": "l",
    "commit_time_ms": 1_700_000_000_000,
    "labeler_role": "labeler",
    "preference": "left",
    "query_id": "q1",
    "answer_id": "a1",
    "version": 1,
    "gold_kind": "repeat",
    "gold_preference": "right",
    **dict.fromkeys(("changed_by", "reason", "change_id")),
    **{
        f"{side}_{name}": value
        for side in ("left", "right")
        for name, value in {
            "segment_id": f"s-{side}",
            "segment_uri": f"r/segments/s-{side}.safetensors",
            "sealed_uri": "",
            "duration_s": 1 / 3,
        }.items()
    },
}
PLAIN = ANSWER | {"is_gold": False, "is_extra": False, "gold_kind": None, "gold_preference": None}


def written(rows: list[dict[str, Any]], file_format: FileFormat) -> bytes:
    writer = open_writer(file_format)
    return b"".join(writer.write([row]) for row in rows) + writer.finish()


def read(data: bytes, file_format: FileFormat) -> list[dict[str, Any]]:
    return [row for _, row in read_rows(io.BytesIO(data), file_format)]


@pytest.mark.parametrize("formats", list(itertools.permutations(FORMATS)), ids="-".join)
def test_a_log_goes_through_all_formats_without_a_difference(formats: tuple[FileFormat, ...]) -> None:
    """Texts with quotes and lines, empty ones and null, gold and weights; and messages come to the same."""
    rows = first = [ANSWER, CHANGE, PLAIN]
    for file_format in formats:
        rows = read(written(rows, file_format), file_format)
        assert rows == first
    assert [row_from_message(message_from_row(row)) for row in rows] == first


@settings(max_examples=30, deadline=None)
@given(
    reason=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    weight=st.floats(0, 10),
    cursor=st.integers(1, 2**63 - 1),
)
def test_any_text_and_number_goes_through_csv_and_jsonl(reason: str, weight: float, cursor: int) -> None:
    """Bit for bit, whatever it is."""
    row = CHANGE | {"reason": reason, "weight": weight, "cursor": cursor}
    for file_format in ("jsonl", "csv"):
        (back,) = read(written([row], file_format), file_format)  # type: ignore[arg-type]
        assert back == row
        assert math.copysign(1, back["weight"]) == math.copysign(1, weight)


def test_the_name_says_the_format() -> None:
    """Whatever its case; another suffix is refused with those there are."""
    assert [format_of(name) for name in ("a.JSONL", "b.csv", "c.x.parquet")] == ["jsonl", "csv", "parquet"]
    with pytest.raises(InvalidInputError, match=r"'a.xlsx', must be one that ends in .jsonl"):
        format_of("a.xlsx")


def _csv(*lines: str) -> bytes:
    return ("\r\n".join(lines) + "\r\n").encode()


# As before rows had a commit_id.
_HEAD = ",".join(name for name in CHANGE if CHANGE[name] is not None and name != "commit_id")
_LINE = "weight,1,r,l,0.5,1000,owner,why,w1"


@pytest.mark.parametrize(
    ("data", "file_format", "told"),
    [
        (b'{"kind": "weight"}\n{"kind": \n', "jsonl", "line 2 is not JSON"),
        (b'{"a": "\xff"}\n', "jsonl", "line 1 is not JSON"),
        (
            b'{"kind": "weight"}\n' + b"[" * 200_000 + b"\n",
            "jsonl",
            "line 2 is not JSON: it is nested too deeply",
        ),
        (b"[1]\n", "jsonl", "line 1 must hold one JSON object"),
        (
            _csv("kind;cursor", "weight;1"),
            "csv",
            "line 1: column is 'kind;cursor', must be one such as ",
        ),
        (
            _csv("kind,preferance", "preference,left"),
            "csv",
            "line 1: column is 'preferance', must be one such as preference, ",
        ),
        (b"", "csv", "line 1: column is ''"),
        (_csv(_HEAD, _LINE, "weight,1"), "csv", "line 3: number of cells is 2, must be 9"),
        (_csv(_HEAD, _LINE.replace("0.5", "half")), "csv", "line 2: weight is 'half', must be a number"),
        (
            _csv(_HEAD, _LINE.replace("1000", "")),
            "csv",
            "line 2: commit_time_ms is '', must be a whole number",
        ),
        (
            _csv(_HEAD, _LINE, _LINE.replace("weight", "wait")),
            "csv",
            "line 3: kind is 'wait', must be 'preference'",
        ),
        (_csv(_HEAD, _LINE.replace("why", '"two\nlines"'), "weight,1"), "csv", "line 4: number of cells"),
        (b"kind\n\xff\xfe\n", "csv", "is not CSV in UTF-8"),
        (b"PAR1, or not", "parquet", "the file is not Parquet"),
    ],
)
def test_what_cant_be_read_is_told_by_its_line(data: bytes, file_format: FileFormat, told: str) -> None:
    """With the value and what it must be."""
    with pytest.raises(SomersaultError) as caught:
        read(data, file_format)
    assert told in str(caught.value)
    assert isinstance(caught.value, CorruptDataError | InvalidInputError)


def test_columns_may_stand_in_any_order_and_null_ones_be_left_out() -> None:
    """As a spreadsheet or an older export writes them, a mark of byte order before them."""
    (row,) = read(b"\xef\xbb\xbf" + _csv(_HEAD, _LINE), "csv")
    assert message_from_row(row).change_id == "w1"  # type: ignore[union-attr]
    few = {name: value for name, value in reversed(CHANGE.items()) if value is not None}
    (row,) = read(json.dumps(few).encode(), "jsonl")
    assert row_from_message(message_from_row(row)) == CHANGE


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"answer_id": "a b"}, "answer_id is 'a b', must be 1 to 64 characters"),
        ({"labeler_role": "owner"}, "labeler_role is 'owner', must be labeler or teacher"),
        ({"preference": "both"}, "preference is 'both', must be one of left, right, equal, incomparable"),
        ({"version": 0}, "version is 0, must be 1 to 2147483647"),
        ({"weight": math.nan}, "weight is nan, must be 0 to 10"),
        ({"response_ms": 86_400_001}, "response_ms is 86400001, must be 0 to 86400000"),
        ({"left_segment_uri": "/etc/passwd"}, "left: object key is '/etc/passwd'"),
        (
            {"left_duration_s": 0.0},
            "left: duration_s is 0.0, must be more than 0 and at most 1000000000 seconds",
        ),
        ({"right_segment_id": "s-left"}, "right.segment_id is 's-left', must differ from left.segment_id"),
        ({"commit_time_ms": 2**62}, "commit_time is"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_row_out_of_bounds_is_told_by_field_value_and_bound(changed: dict[str, Any], told: str) -> None:
    """Before a labeler is asked, and in its own words."""
    check_log_row(message_from_row(PLAIN))
    with pytest.raises(InvalidInputError) as caught:
        check_log_row(message_from_row(PLAIN | changed))
    assert told in str(caught.value)


@pytest.mark.parametrize("name", ["Prefrence", "zzz", "", "left_segment"])
def test_an_unknown_column_is_told_with_the_few_that_may_be_meant(name: str) -> None:
    """And not with all thirty."""
    with pytest.raises(InvalidInputError) as caught:
        message_from_row(CHANGE | {name: 1})
    told = str(caught.value)
    assert 1 <= sum(column in told.replace(",", " ").replace(";", " ").split() for column in COLUMNS) <= 3
    assert ("preference" in told) == (name != "left_segment")
