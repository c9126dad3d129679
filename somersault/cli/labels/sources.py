"""Sources of answers: a file of rows, a bundle, or another run."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from somersault.cli.labels.bundle import LABELS, is_bundle, open_bundle, segment_name
from somersault.cli.labels.file_export import STDOUT
from somersault.cli.run.names import find_folder
from somersault.errors import (
    ConfigError,
    CorruptDataError,
    InvalidInputError,
    NotFoundError,
    SomersaultError,
)
from somersault.runs import load_run
from somersault.runs.preference_log import read_log_rows
from somersault.wire.preference_checks import check_log_row
from somersault.wire.preference_files import FORMATS, FileFormat, format_of, read_rows
from somersault.wire.preference_rows import LogMessage, Row, message_from_row

__all__ = ["LabelSource", "LogEntry", "open_file", "open_run"]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row of a preference log, checked."""

    place: str
    """Its place in the source, such as ``line 3``."""
    message: LogMessage


@dataclass(frozen=True, slots=True)
class LabelSource:
    """Answers, with segments if the source has them."""

    name: str
    """As the user named it."""
    entries: list[LogEntry]
    """In log order: an answer's versions rise."""
    read_segment: Callable[[str, str], bytes | None]
    """Returns a segment's object by its id and its key in the source; None if the source lacks it."""


@contextlib.contextmanager
def open_file(path: Path, *, file_format: str | None = None) -> Iterator[LabelSource]:
    """Open a file of rows or a bundle; ``-`` reads rows from standard input.

    Raises:
        InvalidInputError: a row is out of bounds; the text names file, line, field, value and bound.
        NotFoundError: there is no such file.
        CorruptDataError: it can't be read.
        ConfigError: a package is missing or the format is unknown.
    """
    if path != STDOUT and is_bundle(path) and file_format is None:
        with open_bundle(path) as bundle:
            data = bundle.read(LABELS)
            if data is None:
                raise NotFoundError(f"{path} is not a bundle of labels: {LABELS} is missing")
            entries = _entries(f"{path}/{LABELS}", io.BytesIO(data), "jsonl")
            yield LabelSource(str(path), entries, lambda segment_id, _: bundle.read(segment_name(segment_id)))
        return
    chosen = _format(path, file_format)
    with _reading(path) as file:
        entries = _entries(str(path), file, chosen)
    yield LabelSource(str(path), entries, lambda _segment_id, _key: None)


@contextlib.contextmanager
def open_run(path: Path) -> Iterator[LabelSource]:
    """Open another run's answers; a bundle is accepted too.

    Raises:
        NotFoundError: there is no run.
        SomersaultError: its answers can't be read.
    """
    folder = find_folder(path)
    if not (folder / "config.json").is_file() and (path.is_file() or (path / LABELS).is_file()):
        with open_file(path) as source:
            yield source
        return
    run = load_run(folder)

    def read_segment(_: str, key: str) -> bytes | None:
        try:
            return run.segment_object(key)
        except NotFoundError:
            return None

    rows = ((f"row {row['cursor']}", row) for row in read_log_rows(run))
    yield LabelSource(str(path), _checked(str(folder), rows), read_segment)


def _format(path: Path, given: str | None) -> FileFormat:
    if given is None:
        return "jsonl" if path == STDOUT else format_of(path.name)
    for known in FORMATS:
        if given == known:
            return known
    raise InvalidInputError("--format", given, f"one of {', '.join(FORMATS)}")


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[IO[bytes]]:
    if path == STDOUT:
        yield io.BytesIO(sys.stdin.buffer.read())
        return
    try:
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise NotFoundError(f"no file {path}; `somersault export RUN --labels FILE` writes one") from error
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error


def _entries(name: str, file: IO[bytes], file_format: FileFormat) -> list[LogEntry]:
    try:
        return _checked(name, read_rows(file, file_format))
    except CorruptDataError as error:
        raise CorruptDataError(f"{name}, {error}") from error


def _checked(name: str, rows: Iterable[tuple[str, Row]]) -> list[LogEntry]:
    entries: list[LogEntry] = []
    place = "line 1"
    reading = iter(rows)
    while True:
        try:
            place, row = next(reading)
        except StopIteration:
            break
        except InvalidInputError as error:
            raise InvalidInputError(f"{name}, {error}") from error
        entries.append(LogEntry(place, _message(row, name=name, place=place)))
    if not entries:
        raise InvalidInputError("number of rows", 0, f"at least 1 in {name}")
    runs = list(dict.fromkeys(entry.message.run_id for entry in entries))
    return sorted(entries, key=lambda entry: (runs.index(entry.message.run_id), entry.message.cursor))


def _message(row: Row, *, name: str, place: str) -> LogMessage:
    try:
        message = message_from_row(row)
        check_log_row(message)
    except SomersaultError as error:
        raise InvalidInputError(f"{name}, {place}: {error}") from error
    return message
