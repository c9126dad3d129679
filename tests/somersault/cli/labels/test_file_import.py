"""`somersault import RUN FILE`: all of a file or nothing, each row once, and what is wrong told by its line."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from somersault.cli.labels import labeler_client
from somersault.cli.labels.file_export import export_labels
from somersault.cli.labels.file_import import import_labels
from somersault.domain.keys import segment_key
from somersault.errors import (
    AlreadyExistsError,
    CorruptDataError,
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
    SomersaultError,
)
from somersault.runs import load_run
from somersault.runs.preference_log import read_log_rows
from tests.somersault.cli.labels.runs import (
    begin_run,
    fill,
    labeler_of,
    segment_object,
    store_of,
    working,
)


async def _import(path: Path, file: Path, *, is_dry: bool = False, file_format: str | None = None) -> Any:
    """Import beside the labeler in this event loop."""
    return await asyncio.to_thread(import_labels, path, file, file_format=file_format, is_dry=is_dry)


@pytest.fixture
async def bundle(tmp_path: Path) -> Path:
    """A bundle of the run one."""
    begin_run(tmp_path / "one")
    await fill(tmp_path / "one")
    out = tmp_path / "bundle.tar"
    export_labels(load_run(tmp_path / "one"), out, file_format=None, has_segments=True)
    return out


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return a run's rows less what is the run's own: its name, its commits, and the keys of its store."""
    own = ("run_id", *(f"{side}_{name}_uri" for side in ("left", "right") for name in ("segment", "sealed")))
    rows = _less_commits(read_log_rows(load_run(path)))
    return [{k: v for k, v in row.items() if k not in own} for row in rows]


def _less_commits(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "commit_id"} for row in rows]


@pytest.mark.parametrize("rows_a_call", [1000, 2])
async def test_a_bundle_brings_a_log_and_its_segments_into_another_run(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, rows_a_call: int
) -> None:
    """The same answers, revisions and weights, under the run's own keys; a second time nothing is new."""
    monkeypatch.setattr(labeler_client, "_MAX_ROWS", rows_a_call)
    two = tmp_path / "two"
    begin_run(two)
    async with labeler_of(two) as labeler:
        with working(two, labeler):
            dry = await _import(two, bundle, is_dry=True)
            assert read_log_rows(load_run(two)) == []
            assert list(store_of(two).list("two/segments/")) == []
            first = await _import(two, bundle)
            again = await _import(two, bundle)
            dry_again = await _import(two, bundle, is_dry=True)
        stats = await labeler.stats("two")
    counts = [(done["new"], done["known"], done["segments"]) for done in (dry, first, again, dry_again)]
    assert counts == [(5, 0, 6), (5, 0, 6), (0, 5, 0), (0, 5, 0)]
    assert _rows(two) == _rows(tmp_path / "one")
    assert (stats.num_answered, stats.num_left, stats.num_right) == (3, 2, 1)
    row = read_log_rows(load_run(two))[0]
    assert row["left_segment_uri"] == segment_key("two", row["left_segment_id"])
    assert row["left_sealed_uri"] == ""
    assert store_of(two).get(row["left_segment_uri"]) == store_of(tmp_path / "one").get(
        segment_key("one", row["left_segment_id"])
    )


async def test_a_run_takes_its_own_export_back(tmp_path: Path, bundle: Path) -> None:
    """Into an empty database, in any format, its segments being in its store still."""
    one = tmp_path / "one"
    before = read_log_rows(load_run(one))
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        export_labels(load_run(one), tmp_path / name, file_format=None, has_segments=False)
        for file in one.glob("labels.sqlite*"):
            file.unlink()
        async with labeler_of(one) as labeler:
            with working(one, labeler):
                done = await _import(one, tmp_path / name)
        assert (done["new"], done["segments"]) == (5, 0)
        assert _less_commits(read_log_rows(load_run(one))) == _less_commits(before)


@pytest.mark.parametrize("name", ["a.jsonl", "a.tar", "folder"])
async def test_an_export_replaces_only_what_it_is_told_to(tmp_path: Path, bundle: Path, name: str) -> None:
    """A file that was there keeps its bytes; a folder with something in it is never written into."""
    out, run = tmp_path / name, load_run(tmp_path / "one")
    kept = out / "mine" if name == "folder" else out
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    has_segments = name != "a.jsonl"
    with pytest.raises(FailedPreconditionError, match=r"exists already|not empty"):
        export_labels(run, out, file_format=None, has_segments=has_segments)
    assert kept.read_text() == "mine"
    if name != "folder":
        export_labels(run, out, file_format=None, has_segments=has_segments, replaces=True)
        assert kept.read_bytes() != b"mine"
    if name == "a.tar":
        assert out.read_bytes() == bundle.read_bytes()
    assert not list(tmp_path.glob(".new*"))


async def test_what_is_wrong_is_told_by_file_line_field_value_and_bound(tmp_path: Path, bundle: Path) -> None:
    """And nothing of the file is in the run, neither rows nor segments."""
    two = tmp_path / "two"
    begin_run(two)
    rows = read_log_rows(load_run(tmp_path / "one"))
    file = tmp_path / "wrong.jsonl"
    for changed, told in (
        ({"version": 0}, f"{file}, line 3: version is 0, must be 1 to 2147483647"),
        ({"labeler_id": "a b"}, f"{file}, line 3: labeler_id is 'a b', must be 1 to 64"),
        ({"preference": "best"}, f"{file}, line 3: preference is 'best', must be one of left"),
    ):
        file.write_text("".join(json.dumps(row) + "\n" for row in [*rows[:2], rows[2] | changed]))
        with pytest.raises(InvalidInputError) as caught:
            await _import(two, file)
        assert told in str(caught.value)
    assert not (two / "labels.sqlite").exists()
    assert list(store_of(two).list("two/segments/")) == []


async def test_segments_that_are_nowhere_or_of_another_task_are_refused(tmp_path: Path, bundle: Path) -> None:
    """Before anything is stored, with the row that needs them and all that differs."""
    two = tmp_path / "two"
    begin_run(two)
    export_labels(load_run(tmp_path / "one"), tmp_path / "a.jsonl", file_format=None, has_segments=False)
    with pytest.raises(NotFoundError) as missing:
        await _import(two, tmp_path / "a.jsonl")
    assert "a.jsonl, line 1: segment " in str(missing.value)
    assert "export with --with-segments" in str(missing.value)

    other = tmp_path / "other"
    export_labels(load_run(tmp_path / "one"), other, file_format=None, has_segments=True)
    for changes, told in (
        ({"task": "cartpole"}, "task is cartpole, must be pendulum"),
        ({"num_steps": 9}, "segment steps is 9, must be 38"),
        ({"step_s": 1.0}, "seconds per step is 1.0, must be 0.04"),
    ):
        data = segment_object("c-second", task="pendulum") if "task" in changes else b""
        data = (
            data.replace(b'\\"pendulum\\"', b'\\"cartpole\\"')
            if "task" in changes
            else segment_object("c-second", **changes)
        )
        (other / "segments/c-second.safetensors").write_bytes(data)
        with pytest.raises(InvalidInputError) as differing:
            await _import(two, other)
        assert told in str(differing.value)
    assert list(store_of(two).list("two/segments/")) == []


async def test_a_contradiction_names_the_answer_and_how_far_the_file_came(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a later call of several: the rows before are in, said with their number, and count once later."""
    monkeypatch.setattr(labeler_client, "_MAX_ROWS", 2)
    one = tmp_path / "one"
    rows = read_log_rows(load_run(one))
    rows[2]["preference"] = "equal"
    file = tmp_path / "other.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    async with labeler_of(one) as labeler:
        with working(one, labeler), pytest.raises(AlreadyExistsError) as caught:
            await _import(one, file)
    assert "already has preference 'left', not 'equal'" in str(caught.value)
    assert "of 5 rows 2 are in" in str(caught.value)


@pytest.mark.parametrize("is_dry", [True, False])
async def test_a_row_that_is_repeated_counts_as_known(tmp_path: Path, bundle: Path, is_dry: bool) -> None:
    """What is new and what is known add up to the rows of the file."""
    two = tmp_path / "two"
    begin_run(two)
    other = tmp_path / "other"
    export_labels(load_run(tmp_path / "one"), other, file_format=None, has_segments=True)
    lines = (other / "labels.jsonl").read_text()
    (other / "labels.jsonl").write_text(lines + lines.splitlines()[1] + "\n")
    async with labeler_of(two) as labeler:
        with working(two, labeler):
            done = await _import(two, other, is_dry=is_dry)
    assert (done["rows"], done["new"], done["known"]) == (6, 5, 1)


async def test_rows_of_a_file_that_contradict_are_refused_with_both_lines(
    tmp_path: Path, bundle: Path
) -> None:
    """Whatever differs, wherever the second stands, answers as changes of a weight; a dry run says it too."""
    one = tmp_path / "one"
    rows = read_log_rows(load_run(one))
    at = {
        kind: next(i for i, row in enumerate(rows) if row["kind"] == kind)
        for kind in ("preference", "weight")
    }
    file = tmp_path / "contradicting.jsonl"
    for kind, name, value in (
        ("preference", "preference", "equal"),
        ("preference", "query_id", "another"),
        ("preference", "response_ms", 77),
        ("preference", "weight", 0.25),
        ("weight", "weight", 0.125),
    ):
        row = rows[at[kind]]
        second = row | {name: value, "cursor": 50}
        file.write_text("".join(json.dumps(each) + "\n" for each in [*rows, second]))
        with pytest.raises(InvalidInputError) as caught:
            await _import(one, file, is_dry=True)
        called = row["answer_id"] or row["change_id"]
        told = str(caught.value)
        assert told.startswith(f"{file}, line {len(rows) + 1}: {name} of ")
        assert f"{called!r}" in told
        assert f"is {value!r}, must be {row[name]!r}, as {file}, line {at[kind] + 1}, says" in told


async def test_two_members_of_one_name_in_a_bundle_are_refused(tmp_path: Path, bundle: Path) -> None:
    """Neither the first nor the last is taken without a word."""
    begin_run(tmp_path / "two")
    with tarfile.open(bundle, "a") as archive:
        member = tarfile.TarInfo("labels.jsonl")
        archive.addfile(member, io.BytesIO(b""))
    with pytest.raises(CorruptDataError, match=r"bundle\.tar has two members named 'labels\.jsonl'"):
        await _import(tmp_path / "two", bundle)


async def test_a_reference_run_takes_no_answers(tmp_path: Path, bundle: Path) -> None:
    """It learns from none."""
    begin_run(tmp_path / "reference", is_reference=True)
    with pytest.raises(SomersaultError, match="it learns from no answers"):
        await _import(tmp_path / "reference", bundle)
