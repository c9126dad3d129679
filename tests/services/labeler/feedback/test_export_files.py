"""Exports: two file formats with one schema, and back again without a difference."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from google.protobuf import timestamp_pb2
from google.protobuf.message import Message

from services.labeler.feedback import export_files
from somersault.domain.roles import Role
from somersault.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2, trajectory_pb2
from somersault.wire.preference_rows import COLUMNS, message_from_row
from tests.services.labeler.judging import LEFT, RIGHT, answer, complete_log, update_run
from tests.services.labeler.running import RUN_ID, RunningLabeler, refused, running_labeler, stored_segment


async def _fill(labeler: RunningLabeler) -> None:
    """Make a log with two answers to one query, an undo, and an exclusion that was taken back."""
    await labeler.create_run()
    await update_run(labeler, target_answers=2)
    await labeler.propose("a", "b")
    teacher, owner = labeler.as_role(Role.TEACHER), labeler.as_role(Role.OWNER)
    await answer(teacher, "a1")
    for weight in (0, 1, 0.5):
        await owner.SetLabelerWeight(
            pb.SetLabelerWeightRequest(run_id=RUN_ID, labeler_id="teacher", weight=weight, reason='é\n"')
        )
    await answer(await labeler.new_labeler(), "a2", RIGHT)
    await teacher.RevisePreference(pb.RevisePreferenceRequest(answer_id="a1", version=2, preference=RIGHT))
    await answer(teacher, "b1")


async def _export(labeler: RunningLabeler, form: Any) -> bytes:
    request = pb.ExportPreferencesRequest(run_id=RUN_ID, format=form)
    stream = labeler.as_role(Role.OWNER).ExportPreferences(request)
    return b"".join([response.part async for response in stream])


def _import(labeler: RunningLabeler, rows: list[Any], *, run_id: str = RUN_ID) -> Any:
    is_record = [isinstance(row, preference_pb2.PreferenceRecord) for row in rows]
    request = pb.ImportPreferencesRequest(
        run_id=run_id,
        records=[row for row, is_one in zip(rows, is_record, strict=True) if is_one],
        weight_changes=[row for row, is_one in zip(rows, is_record, strict=True) if not is_one],
    )
    return labeler.as_role(Role.OWNER).ImportPreferences(request)


async def test_both_formats_hold_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every column of the schema, also when a file comes in many parts and row groups."""
    monkeypatch.setattr(export_files, "_PART_BYTES", 64)
    monkeypatch.setattr(export_files, "_GROUP_ROWS", 2)
    async with running_labeler(tmp_path) as labeler:
        await _fill(labeler)
        lines = (await _export(labeler, pb.EXPORT_FORMAT_JSONL)).decode().splitlines()
        table = pq.read_table(io.BytesIO(await _export(labeler, pb.EXPORT_FORMAT_PARQUET)))
    rows = [json.loads(line) for line in lines]
    assert [(row["kind"], row["cursor"]) for row in rows] == [
        ("preference", 1),
        ("weight", 2),
        ("weight", 3),
        ("weight", 4),
        ("preference", 5),
        ("preference", 6),
        ("preference", 7),
    ]
    assert table.to_pylist() == rows
    assert table.column_names == list(COLUMNS) == list(rows[0])


async def test_an_export_goes_back_without_a_difference(tmp_path: Path) -> None:
    """Into an empty database: the same log, counts and agreement; a second time it changes nothing.

    But each row has a commit of its own there, so that nobody takes the one log for the other.
    """
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with running_labeler(tmp_path / "one") as labeler:
        await _fill(labeler)
        text = await _export(labeler, pb.EXPORT_FORMAT_JSONL)
        log, stats = await complete_log(labeler), await labeler.stats()
    rows = [message_from_row(json.loads(line)) for line in text.splitlines()]
    async with running_labeler(tmp_path / "two") as labeler:
        await labeler.create_run()
        first = await _import(labeler, rows)
        again = await _import(labeler, rows)
        assert (first.num_imported, first.num_known) == (7, 0)
        assert (again.num_imported, again.num_known) == (0, 7)
        imported = [row for kind in await complete_log(labeler) for row in kind]
        known = [row for kind in log for row in kind]
        named = {row.commit_id for row in (*known, *imported)}
        assert len(named) == 2 * 7
        for row in (*known, *imported):
            row.ClearField("commit_id")
        assert imported == known
        found = await labeler.stats()
        for name in ("num_left", "num_right", "newest_cursor", "newest_log_cursor", "num_last_hour"):
            assert getattr(found, name) == getattr(stats, name), name
        owner = labeler.as_role(Role.OWNER)
        agreement = await owner.GetAgreement(pb.GetAgreementRequest(run_id=RUN_ID))
        assert (agreement.num_queries, agreement.pairwise_agreement) == (1, 1.0)


async def test_half_an_import_is_none(tmp_path: Path) -> None:
    """Rows of another run, and a row whose name stands for something else, keep the others out too."""
    async with running_labeler(tmp_path) as labeler:
        await _fill(labeler)
        rows, _ = await complete_log(labeler)
        await labeler.create_run("run-2")
        assert isinstance(await refused(_import(labeler, rows, run_id="run-2")), InvalidInputError)
        fresh, other = rows[0].__class__(), rows[0].__class__()
        fresh.CopyFrom(rows[3])
        fresh.answer_id, fresh.query_id = "new", "new-query"
        other.CopyFrom(rows[0])
        other.preference = RIGHT if rows[0].preference == LEFT else LEFT
        assert isinstance(await refused(_import(labeler, [fresh, other])), AlreadyExistsError)
        assert len((await complete_log(labeler))[0]) == len(rows)
        assert isinstance(await refused(_import(labeler, rows, run_id="none")), InvalidInputError)
        unknown = [row.__class__() for row in rows[:1]]
        unknown[0].CopyFrom(rows[0])
        unknown[0].run_id = "none"
        for side in (unknown[0].left, unknown[0].right):
            side.CopyFrom(stored_segment(side.segment_id, run_id="none"))
        assert isinstance(await refused(_import(labeler, unknown, run_id="none")), NotFoundError)


async def test_a_version_without_the_one_before_is_refused(tmp_path: Path) -> None:
    """A log has no holes."""
    (tmp_path / "one").mkdir()
    async with running_labeler(tmp_path / "one") as labeler:
        await _fill(labeler)
        rows, _ = await complete_log(labeler)
    (tmp_path / "two").mkdir()
    async with running_labeler(tmp_path / "two") as labeler:
        await labeler.create_run()
        revision = [row for row in rows if row.version == 2]
        error = await refused(_import(labeler, revision))
    assert isinstance(error, InvalidInputError)
    assert "version of answer 'a1' is 2, must be 1" in str(error)


@pytest.mark.parametrize(
    "changed",
    [
        {"version": 0},
        {"cursor": 0},
        {"labeler_id": "a b"},
        {"response_ms": -1},
        {"target_answers": 99},
        {"is_gold": True},
        {"commit_time": timestamp_pb2.Timestamp(seconds=-1)},
        {"left": trajectory_pb2.StoredSegment(segment_id="s", segment_uri="../s", duration_s=1)},
        {"left": stored_segment("s", run_id="another")},
        {"left": trajectory_pb2.StoredSegment(segment_id="s", segment_uri="s", duration_s=math.inf)},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_malformed_rows_are_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    """As strictly as the rpc that they came by first."""
    async with running_labeler(tmp_path) as labeler:
        await _fill(labeler)
        rows, _ = await complete_log(labeler)
        for name, value in changed.items():
            if isinstance(value, Message):
                getattr(rows[0], name).CopyFrom(value)
            else:
                setattr(rows[0], name, value)
        assert isinstance(await refused(_import(labeler, rows)), InvalidInputError)


_CHANGE = {
    "kind": "weight",
    "cursor": 1,
    "run_id": "r",
    "labeler_id": "l",
    "weight": 1.0,
    "commit_time_ms": 1000,
    "changed_by": "owner",
    "reason": "",
    "change_id": "w1",
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"kind": "x"}, "kind is 'x', must be 'preference' or 'weight'"),
        ({"who": 1}, "column is 'who', must be one such as kind"),
        ({"cursor": "1"}, "cursor is '1', must be a whole number"),
        ({"cursor": 2**63}, "cursor is 9223372036854775808, must be a whole number of 64 bits"),
        ({"reason": None}, "reason is None, must be text"),
        ({"reason": "\ud800"}, "must be text of whole characters"),
        ({"weight": True}, "weight is True, must be a number"),
        ({"preference": "left"}, "preference is 'left', must be null in a row of kind weight"),
    ],
)
def test_rows_of_another_schema_are_refused(changed: dict[str, Any], told: str) -> None:
    """With the column that is wrong, its value, and what it must be."""
    assert message_from_row(_CHANGE).cursor == 1
    assert message_from_row(_CHANGE | {"cursor": 1.0, "preference": None}).cursor == 1
    with pytest.raises(InvalidInputError) as caught:
        message_from_row(_CHANGE | changed)
    assert told in str(caught.value)
