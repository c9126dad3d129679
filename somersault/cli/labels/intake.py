"""Rows and segments to import into a run: checked, under the run's name, and only what its store lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from somersault.cli.labels.segment_check import check_segment
from somersault.cli.labels.sources import LabelSource, LogEntry
from somersault.domain.keys import segment_key, segments_prefix
from somersault.domain.preference_log import RECORD_FIELDS
from somersault.errors import InvalidInputError, NotFoundError, SomersaultError, shorten
from somersault.storage import ObjectStore
from somersault.tasks import Task
from somersault.v1 import preference_pb2
from somersault.wire.preference_rows import LogMessage, row_from_message

__all__ = ["Intake", "prepare"]

_OF_A_PLACE = frozenset(("cursor", "commit_id", "left_sealed_uri", "right_sealed_uri"))
"""Columns that are no part of an answer."""
_OF_A_RUN = _OF_A_PLACE | {"run_id", "left_segment_uri", "right_segment_uri"}
"""Columns that differ between runs that hold the same answer."""
_OF_A_RUNS_ANSWER = _OF_A_RUN | {field.export for field in RECORD_FIELDS if field.is_of_run}
"""The same for an answer, whose weight is its labeler's in the run; a weight change is about the weight itself."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Checked rows and segments."""

    messages: list[LogMessage]
    """In log order, under the run's name; each (answer, version) once."""
    segments: dict[str, Callable[[], bytes]]
    """Readers of the segments to store, by key."""
    num_rows: int
    """How many rows the sources hold, repeated ones included."""

    @property
    def num_labels(self) -> int:
        """Pairs that they answer, as a run counts labels: without gold and extras."""
        return len(
            {
                message.query_id
                for message in self.messages
                if isinstance(message, preference_pb2.PreferenceRecord) and not message.is_extra
            }
        )

    def store_segments(self, store: ObjectStore) -> None:
        """Store the segments.

        Raises:
            SomersaultError: the store refuses, or a segment has disappeared.
        """
        for key, read in self.segments.items():
            store.put(key, read())


def prepare(sources: Sequence[LabelSource], *, run_id: str, task: Task, store: ObjectStore | None) -> Intake:
    """Check that answers fit a run and return them under its name.

    Args:
        sources: Where they come from, in import order.
        run_id: The run to import into.
        task: Its task.
        store: The run's store, which may have segments already; None before it exists.

    Raises:
        InvalidInputError: two rows contradict each other, or a segment is of another task; the text says what differs.
        NotFoundError: a segment can't be found.
        CorruptDataError: a segment can't be read.
    """
    stored = set(store.list(segments_prefix(run_id))) if store is not None else set()
    rows = _distinct(sources)
    segments: dict[str, Callable[[], bytes]] = {}
    for source in sources:
        for entry in source.entries:
            for segment_id, key in _segments_of(entry.message):
                wanted = segment_key(run_id, segment_id)
                if wanted not in stored and wanted not in segments:
                    segments[wanted] = _reader(source, entry, segment_id, key=key, task=task, store=store)
    return Intake(
        [_of_run(entry.message, run_id) for _, entry in rows],
        segments,
        num_rows=sum(len(source.entries) for source in sources),
    )


def _distinct(sources: Sequence[LabelSource]) -> list[tuple[LabelSource, LogEntry]]:
    """Return each row once, with its source.

    Raises:
        InvalidInputError: two rows of one name contradict each other; the text says where they are and what differs.
    """
    found: dict[tuple[str, str, int], tuple[LabelSource, LogEntry]] = {}
    for source in sources:
        for entry in source.entries:
            first, known = found.setdefault(_name_of(entry.message), (source, entry))
            if known is not entry:
                _check_equal(first, known, source, entry)
    return list(found.values())


def _check_equal(first: LabelSource, known: LogEntry, source: LabelSource, entry: LogEntry) -> None:
    """Check that two rows of one name agree; columns that are each run's own may differ."""
    row, known_row = row_from_message(entry.message), row_from_message(known.message)
    own = _OF_A_PLACE
    if row["run_id"] != known_row["run_id"]:
        own = _OF_A_RUN if row["kind"] == "weight" else _OF_A_RUNS_ANSWER
    for name, value in row.items():
        if name not in own and value != known_row[name]:
            raise InvalidInputError(
                f"{source.name}, {entry.place}: {name} of {_called(entry.message)}",
                value,
                f"{shorten(known_row[name])}, as {first.name}, {known.place}, says",
            )


def _called(message: LogMessage) -> str:
    if isinstance(message, preference_pb2.WeightChange):
        return f"change {message.change_id!r}"
    return f"answer {message.answer_id!r}, version {message.version}"


def _name_of(message: LogMessage) -> tuple[str, str, int]:
    if isinstance(message, preference_pb2.WeightChange):
        return "weight", message.change_id, 0
    return "preference", message.answer_id, message.version


def _of_run(message: LogMessage, run_id: str) -> LogMessage:
    """Return a row under a run's name, without the sealed part."""
    if message.run_id == run_id:
        return message
    copy = type(message)()
    copy.MergeFrom(message)  # type: ignore[arg-type]  # of its own type
    copy.run_id = run_id
    if isinstance(copy, preference_pb2.PreferenceRecord):
        for side in (copy.left, copy.right):
            side.segment_uri = segment_key(run_id, side.segment_id)
            side.sealed_uri = ""
    return copy


def _segments_of(message: LogMessage) -> Iterator[tuple[str, str]]:
    if isinstance(message, preference_pb2.PreferenceRecord):
        for side in (message.left, message.right):
            yield side.segment_id, side.segment_uri


def _reader(
    source: LabelSource,
    entry: LogEntry,
    segment_id: str,
    *,
    key: str,
    task: Task,
    store: ObjectStore | None,
) -> Callable[[], bytes]:
    """Return a reader of a segment that has been read and checked once."""

    def read() -> bytes:
        data = source.read_segment(segment_id, key)
        if data is None and store is not None:
            data = _from_store(store, key)
        if data is None:
            raise NotFoundError(
                f"{source.name}, {entry.place}: segment {segment_id} is neither there nor in the run's store; export"
                " with --with-segments"
            )
        return data

    data = read()
    try:
        check_segment(data, task=task)
    except SomersaultError as error:
        raise type(error)(f"{source.name}, {entry.place}: segment {segment_id}: {error}") from error
    return read


def _from_store(store: ObjectStore, key: str) -> bytes | None:
    """Return a segment by its key in another run that shares the store."""
    try:
        return store.get(key)
    except (NotFoundError, InvalidInputError):  # a run's own folder has no other run's keys
        return None
