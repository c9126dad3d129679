"""What a labeler promises about exported files, and about importing them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from typing import Any

import grpc

from somersault.compliance.checks import NotSeenError, expect, expect_refused, gather
from somersault.compliance.server_checks.trial import LEFT, RIGHT, Trial
from somersault.domain.keys import sealed_key, segment_key
from somersault.formats.strict_json import load_json
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from somersault.wire.preference_rows import COLUMNS, row_from_record, row_from_weight_change

__all__ = ["EXPORT_CHECKS"]

_NUM_ROWS = 5
_Rows = list[dict[str, Any]]
_LogRow = preference_pb2.PreferenceRecord | preference_pb2.WeightChange


async def a_jsonl_export_is_the_log(trial: Trial) -> None:
    """As JSONL, ExportPreferences returns an object per line with the documented keys, row for row what WatchPreferences sends."""
    await _fill(trial)
    lines = (await _file(trial, pb.EXPORT_FORMAT_JSONL)).decode().splitlines()
    _expect_rows([load_json(line) for line in lines], await _followed(trial))


async def a_parquet_export_is_the_log(trial: Trial) -> None:
    """As Parquet, ExportPreferences returns the documented columns, row for row what WatchPreferences sends."""
    try:
        from pyarrow import parquet  # large, and of no use to any other check
    except ImportError as error:
        raise NotSeenError("pyarrow, which reads Parquet, is not installed here") from error
    await _fill(trial)
    data = await _file(trial, pb.EXPORT_FORMAT_PARQUET)
    expect(data[:4] == data[-4:] == b"PAR1", f"the file begins with {data[:4]!r} and ends with {data[-4:]!r}")
    _expect_rows(parquet.read_table(io.BytesIO(data)).to_pylist(), await _followed(trial))


async def what_is_imported_twice_counts_once(trial: Trial) -> None:
    """ImportPreferences into an empty run makes the same log; a repeat finds every row known and adds nothing."""
    rows = await _exported_for(trial, trial.name("copy"))
    told = []
    for _ in range(2):
        reply = await trial.owner.call("ImportPreferences", _import(trial, rows))
        told.append((reply.num_imported, reply.num_known))
    expect(told == [(_NUM_ROWS, 0), (0, _NUM_ROWS)], f"of {_NUM_ROWS} rows twice, (new, known) were {told}")
    got = await _log(trial, trial.name("copy"))
    expect(list(map(_content, got)) == list(map(_content, rows)), f"the run then has {got}")


async def an_import_that_contradicts_keeps_nothing(trial: Trial) -> None:
    """A row whose name stands for another answer is ALREADY_EXISTS, and nothing of its call is stored."""
    rows = await _exported_for(trial, trial.name("copy"))
    answers = [row for row in rows if isinstance(row, preference_pb2.PreferenceRecord)]
    await trial.owner.call("ImportPreferences", _import(trial, answers[:1]))
    changed = [type(row).FromString(row.SerializeToString()) for row in answers]
    changed[0].preference = RIGHT if changed[0].preference == LEFT else LEFT
    call = trial.owner.call("ImportPreferences", _import(trial, changed))
    await expect_refused(call, grpc.StatusCode.ALREADY_EXISTS, doing="the contradicting import")
    got = await _log(trial, trial.name("copy"))
    expect(len(got) == 1, f"one row was there before the refused call, {len(got)} after")


async def _fill(trial: Trial) -> None:
    """Fill the log with three answers, a change of one, and a change of a weight, and return it."""
    caller = await trial.invite()
    first, *_ = await trial.answer_all(caller, "one", "two", "three")
    revise = pb.RevisePreferenceRequest(answer_id=first.answer_id, version=2, preference=RIGHT)
    await caller.call("RevisePreference", revise)
    weight = pb.SetLabelerWeightRequest(
        run_id=trial.run_id, labeler_id=caller.labeler_id, weight=0.5, reason='of "ä" and \n'
    )
    await trial.owner.call("SetLabelerWeight", weight)


async def _file(trial: Trial, file_format: Any) -> bytes:
    request = pb.ExportPreferencesRequest(run_id=trial.run_id, is_complete=True, format=file_format)
    return b"".join([each.part async for each in trial.owner.stream("ExportPreferences", request)])


async def _followed(trial: Trial) -> _Rows:
    """Return the rows as WatchPreferences sends them, in the form of the files."""
    request = pb.WatchPreferencesRequest(run_id=trial.run_id, is_complete=True)
    stream: Any = trial.owner.stream("WatchPreferences", request)
    rows: _Rows = []
    async with asyncio.timeout(5):
        while len(rows) < _NUM_ROWS:
            page = await anext(stream)
            rows += map(row_from_record, page.records)
            rows += map(row_from_weight_change, page.weight_changes)
    await stream.aclose()
    return sorted(rows, key=lambda row: int(row["cursor"]))


def _expect_rows(got: _Rows, followed: _Rows) -> None:
    lacking = [name for name in COLUMNS if not all(name in row for row in got)]
    expect(not lacking, f"of {len(got)} rows, not all have {lacking}")
    known = [{name: row[name] for name in COLUMNS} for row in got]  # columns may be added
    differing = [name for name in COLUMNS if [row[name] for row in known] != [row[name] for row in followed]]
    expect(not differing, f"{len(known)} rows, {len(followed)} followed; they differ in {differing}")


async def _exported_for(trial: Trial, run_id: str) -> list[_LogRow]:
    """Return the rows of a log under the names of another run, which is created empty."""
    await _fill(trial)
    await trial.owner.call("CreateRun", pb.CreateRunRequest(run_id=run_id, task="compliance"))
    rows = await _log(trial, trial.run_id)
    for row in rows:
        row.run_id = run_id
        if isinstance(row, preference_pb2.WeightChange):
            row.change_id = trial.name("copied-change")
        else:
            row.query_id, row.answer_id = (
                trial.name(f"copied-{row.answer_id[-5:]}"),
                f"{row.answer_id}-copied",
            )
            for side in (row.left, row.right):
                side.segment_uri = segment_key(run_id, side.segment_id)
                side.sealed_uri = sealed_key(run_id, side.segment_id)
    return rows


async def _log(trial: Trial, run_id: str) -> list[_LogRow]:
    request = pb.ExportPreferencesRequest(run_id=run_id, is_complete=True)
    rows: list[_LogRow] = []
    async for response in trial.owner.stream("ExportPreferences", request):
        rows += [*response.records, *response.weight_changes]
    return sorted(rows, key=lambda row: row.cursor)


def _import(trial: Trial, rows: Sequence[_LogRow]) -> pb.ImportPreferencesRequest:
    return pb.ImportPreferencesRequest(
        run_id=trial.name("copy"),
        records=[row for row in rows if isinstance(row, preference_pb2.PreferenceRecord)],
        weight_changes=[row for row in rows if isinstance(row, preference_pb2.WeightChange)],
    )


def _content(row: _LogRow) -> dict[str, Any]:
    """Return a row less its commit, which is its log's own: an import commits anew."""
    is_change = isinstance(row, preference_pb2.WeightChange)
    content = row_from_weight_change(row) if is_change else row_from_record(row)  # type: ignore[arg-type]
    return {name: value for name, value in content.items() if name != "commit_id"}


EXPORT_CHECKS = gather(
    (
        a_jsonl_export_is_the_log,
        a_parquet_export_is_the_log,
        what_is_imported_twice_counts_once,
        an_import_that_contradicts_keeps_nothing,
    )
)
