"""The preference log as the bytes of a file, a part at a time: memory holds some thousand rows, however many there are."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from typing import Any

from services.labeler import convert
from services.labeler.records import LogPage
from somersault.convert.preference_rows import COLUMNS, row_from_record, row_from_weight_change
from somersault.strict_json import dump_json

__all__ = ["jsonl", "parquet", "rows_of"]

_PART_BYTES = 1 << 20  # well under gRPC's bound on a message
_GROUP_ROWS = 8192  # of a Parquet row group: enough for its columns to compress


async def jsonl(pages: AsyncIterator[LogPage]) -> AsyncIterator[bytes]:
    """Gives the parts of a file of one JSON object a line, in UTF-8."""
    async for page in pages:
        text = "".join(dump_json(row, ensure_ascii=False) + "\n" for row in rows_of(page))
        for part in _cut(text.encode()):
            yield part


async def parquet(pages: AsyncIterator[LogPage]) -> AsyncIterator[bytes]:
    """Gives the parts of a Parquet file."""
    writer = _ParquetWriter()
    rows: list[dict[str, Any]] = []
    async for page in pages:
        rows += rows_of(page)
        if len(rows) >= _GROUP_ROWS:
            for part in _cut(await asyncio.to_thread(writer.write, rows)):
                yield part
            rows = []
    for part in _cut(await asyncio.to_thread(writer.finish, rows)):
        yield part


class _ParquetWriter:
    """Turns rows into bytes. The format is written front to back, so each group's bytes may go at once."""

    def __init__(self) -> None:
        import pyarrow as pa  # large, and only owners who export need it
        import pyarrow.parquet as pq

        types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
        self._schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
        self._table = pa.Table
        self._sink = _Taken()
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, mode="w"), self._schema)

    def write(self, rows: list[dict[str, Any]]) -> bytes:
        """Gives the bytes of one more row group."""
        self._writer.write_table(self._table.from_pylist(rows, schema=self._schema))
        return self._sink.take()

    def finish(self, rows: list[dict[str, Any]]) -> bytes:
        """Gives the last bytes of the file."""
        if rows:
            self._writer.write_table(self._table.from_pylist(rows, schema=self._schema))
        self._writer.close()
        return self._sink.take()


class _Taken(io.RawIOBase):
    """Keeps what is written until it is taken."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._num_taken = 0

    def writable(self) -> bool:
        """Says that it may be written."""
        return True

    def write(self, data: Any) -> int:
        """Keeps bytes."""
        self._bytes += data
        return len(data)

    def tell(self) -> int:
        """Gives the position in the file, which the format's footer refers to."""
        return self._num_taken + len(self._bytes)

    def take(self) -> bytes:
        """Gives what was written since."""
        data = bytes(self._bytes)
        self._num_taken += len(data)
        self._bytes.clear()
        return data


def rows_of(page: LogPage) -> list[dict[str, Any]]:
    """Gives a page's rows in log order."""
    rows = [row_from_record(convert.record_to_message(record)) for record in page.records]
    rows += [
        row_from_weight_change(convert.weight_change_to_message(change)) for change in page.weight_changes
    ]
    return sorted(rows, key=lambda row: int(row["cursor"]))


def _cut(data: bytes) -> Iterator[bytes]:
    for begin in range(0, len(data), _PART_BYTES):
        yield data[begin : begin + _PART_BYTES]
