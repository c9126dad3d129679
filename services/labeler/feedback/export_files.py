"""The preference log as a file, part by part, so that memory holds some thousand rows however many there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from services.labeler.model.preference_log import LogSlice
from somersault.formats.strict_json import dump_json
from somersault.wire.preference_files import open_writer
from somersault.wire.preference_log import record_to_message, weight_change_to_message
from somersault.wire.preference_rows import row_from_record, row_from_weight_change

__all__ = ["jsonl", "parquet", "rows_of"]

_PART_BYTES = 1 << 20  # well below gRPC's limit on messages
_GROUP_ROWS = 8192  # in a Parquet row group, enough for its columns to compress


async def jsonl(slices: AsyncIterator[LogSlice]) -> AsyncIterator[bytes]:
    """Yield the parts of a JSON Lines file, in UTF-8."""
    async for log_slice in slices:
        text = "".join(dump_json(row, ensure_ascii=False) + "\n" for row in rows_of(log_slice))
        for part in _cut(text.encode()):
            yield part


async def parquet(slices: AsyncIterator[LogSlice]) -> AsyncIterator[bytes]:
    """Yield the parts of a Parquet file."""
    writer = open_writer("parquet")
    rows: list[dict[str, Any]] = []
    async for log_slice in slices:
        rows += rows_of(log_slice)
        if len(rows) >= _GROUP_ROWS:
            for part in _cut(await asyncio.to_thread(writer.write, rows)):
                yield part
            rows = []
    for part in _cut(await asyncio.to_thread(lambda: writer.write(rows) + writer.finish())):
        yield part


def rows_of(log_slice: LogSlice) -> list[dict[str, Any]]:
    """Return a slice's rows in log order."""
    rows = [row_from_record(record_to_message(record)) for record in log_slice.records]
    rows += [row_from_weight_change(weight_change_to_message(change)) for change in log_slice.weight_changes]
    return sorted(rows, key=lambda row: int(row["cursor"]))


def _cut(data: bytes) -> Iterator[bytes]:
    for begin in range(0, len(data), _PART_BYTES):
        yield data[begin : begin + _PART_BYTES]
