"""Files of a preference log's rows: JSON lines, CSV and Parquet, which all hold exactly the same.

The columns are those of `preference_rows.COLUMNS`. CSV has no null: an empty cell means null if the row's kind doesn't have
the column, else empty text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Literal, Protocol, cast, get_args

from somersault.errors import ConfigError, CorruptDataError, InvalidInputError
from somersault.formats.strict_json import dump_json, load_json
from somersault.wire.preference_rows import COLUMNS, Row, columns_of, nearest_columns

__all__ = ["FORMATS", "FileFormat", "RowWriter", "format_of", "open_writer", "read_rows"]

FileFormat = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)

_SUFFIXES: dict[str, FileFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_TRUTHS = {"true": True, "false": False}


class RowWriter(Protocol):
    """Turns rows into the bytes of a file, front to back."""

    def write(self, rows: Sequence[Row]) -> bytes:
        """Return the bytes of more rows."""

    def finish(self) -> bytes:
        """Return the file's last bytes."""


def format_of(name: str) -> FileFormat:
    """Return the format that a file's name stands for.

    Raises:
        InvalidInputError: its suffix stands for none.
    """
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    if suffix not in _SUFFIXES:
        raise InvalidInputError("name of the file", name, f"one that ends in {', '.join(_SUFFIXES)}")
    return _SUFFIXES[suffix]


def open_writer(file_format: FileFormat) -> RowWriter:
    """Return a writer of a format.

    Raises:
        ConfigError: it is Parquet, and pyarrow is missing.
    """
    writers: dict[FileFormat, Callable[[], RowWriter]]
    writers = {"jsonl": _JsonlWriter, "csv": _CsvWriter, "parquet": _ParquetWriter}
    return writers[file_format]()


def read_rows(file: IO[bytes], file_format: FileFormat) -> Iterator[tuple[str, Row]]:
    """Yield each row of a file with its place, such as "line 3".

    Types and bounds of the values aren't checked; `preference_rows.message_from_row` does.

    Raises:
        CorruptDataError: a row, or the file, can't be read; the message says where.
        InvalidInputError: the kind or a cell of a CSV row is wrong; the message says where.
        ConfigError: it is Parquet, and pyarrow is missing.
    """
    readers = {"jsonl": _read_jsonl, "csv": _read_csv, "parquet": _read_parquet}
    return readers[file_format](file)


class _JsonlWriter:
    """Writes one JSON object per line, in UTF-8."""

    def write(self, rows: Sequence[Row]) -> bytes:
        return "".join(dump_json(row, ensure_ascii=False) + "\n" for row in rows).encode()

    def finish(self) -> bytes:
        return b""


class _CsvWriter:
    """Writes a header and a line per row, in UTF-8, according to RFC 4180; texts may span lines."""

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)
        self._writer.writerow(COLUMNS)

    def write(self, rows: Sequence[Row]) -> bytes:
        for row in rows:
            self._writer.writerow([_cell(row[name]) for name in COLUMNS])
        return self.finish()

    def finish(self) -> bytes:
        text = self._text.getvalue()
        self._text.seek(0)
        self._text.truncate()
        return text.encode()


class _ParquetWriter:
    """Writes a row group per call. The format is written front to back, so each group's bytes can be sent at once."""

    def __init__(self) -> None:
        pa, pq = _pyarrow()
        types = {"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
        self._schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
        self._table = pa.Table
        self._sink = _Taken()
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, mode="w"), self._schema)

    def write(self, rows: Sequence[Row]) -> bytes:
        if rows:
            self._writer.write_table(self._table.from_pylist(list(rows), schema=self._schema))
        return self._sink.take()

    def finish(self) -> bytes:
        self._writer.close()
        return self._sink.take()


class _Taken(io.RawIOBase):
    """Holds what is written until it is taken."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._num_taken = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._bytes += data
        return len(data)

    def tell(self) -> int:
        """Return the position in the file, which the format's footer refers to."""
        return self._num_taken + len(self._bytes)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data = bytes(self._bytes)
        self._num_taken += len(data)
        self._bytes.clear()
        return data


def _cell(value: object) -> object:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


def _read_jsonl(file: IO[bytes]) -> Iterator[tuple[str, Row]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            row = load_json(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except ValueError as error:
            raise CorruptDataError(f"line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise CorruptDataError(f"line {number} must hold one JSON object")
        yield f"line {number}", row


def _read_csv(file: IO[bytes]) -> Iterator[tuple[str, Row]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield from _csv_rows(text)
    finally:
        if not text.closed:
            text.detach()  # the file is its caller's to close


def _csv_rows(text: IO[str]) -> Iterator[tuple[str, Row]]:
    reader = csv.reader(text, strict=True)
    try:
        names = next(reader, [])
        unknown = [name for name in names if name not in COLUMNS]
        if unknown or not names:
            name = (unknown or [""])[0]
            raise InvalidInputError("line 1: column", name, nearest_columns(name))
        before = reader.line_num
        for cells in reader:
            place, before = f"line {before + 1}", reader.line_num
            if not cells:
                continue
            if len(cells) != len(names):
                raise InvalidInputError(
                    f"{place}: number of cells", len(cells), f"{len(names)}, as the head has"
                )
            yield place, _row_of_cells(dict(zip(names, cells, strict=True)), place=place)
    except (csv.Error, UnicodeDecodeError) as error:
        raise CorruptDataError(f"line {reader.line_num or 1} is not CSV in UTF-8: {error}") from error


def _row_of_cells(cells: dict[str, str], *, place: str) -> Row:
    row: Row = dict(cells)
    try:
        is_gold = _TRUTHS.get(cells.get("is_gold", "").lower(), False)
        columns = set(columns_of(cells.get("kind"), is_gold=is_gold))
        for name, cell in cells.items():
            row[name] = None if not cell and name not in columns else _value(name, cell)
    except InvalidInputError as error:
        raise InvalidInputError(f"{place}: {error}") from error
    return row


def _value(name: str, cell: str) -> Any:
    """Return a cell's value in the type of its column."""
    kind = COLUMNS[name]
    try:
        if kind == "int64":
            return int(cell)
        if kind == "float64":
            return float(cell)
    except ValueError:
        wanted = "a whole number" if kind == "int64" else "a number"
        raise InvalidInputError(name, cell, wanted) from None
    if kind == "string":
        return cell
    if cell.lower() not in _TRUTHS:
        raise InvalidInputError(name, cell, "true or false")
    return _TRUTHS[cell.lower()]


def _read_parquet(file: IO[bytes]) -> Iterator[tuple[str, Row]]:
    pa, pq = _pyarrow()
    number = 0
    try:
        for batch in pq.ParquetFile(file).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", cast("Row", row)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CorruptDataError(f"the file is not Parquet, or damaged after row {number}: {reason}") from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # large, and only for Parquet
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ConfigError(
            "Parquet needs pyarrow: pip install 'somersault[labels]', or take .jsonl or .csv"
        ) from error
    return pa, pq
