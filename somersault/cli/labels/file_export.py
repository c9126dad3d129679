"""``somersault export RUN --labels FILE``: a run's preference log as a file, or as a bundle with its segments."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from somersault.cli.labels.bundle import LABELS, BundleWriter, is_bundle, open_bundle_writer, segment_name
from somersault.errors import ConfigError, FailedPreconditionError, InvalidInputError
from somersault.runs import Run
from somersault.runs.preference_log import check_database, read_log_rows
from somersault.wire.preference_files import FORMATS, FileFormat, format_of, open_writer
from somersault.wire.preference_rows import Row

__all__ = ["STDOUT", "export_labels"]

STDOUT = Path("-")


def export_labels(
    run: Run, out: Path, *, file_format: str | None, has_segments: bool, replaces: bool = False
) -> dict[str, Any]:
    """Write a run's answers; the run may be running, stopped or finished.

    Args:
        run: The run.
        out: A file, or ``-`` for standard output; a new folder or an archive for a bundle.
        file_format: ``jsonl``, ``csv`` or ``parquet``; None goes by the file's suffix.
        has_segments: Whether to include the segments.
        replaces: Whether to replace an existing file; a folder that isn't empty is never replaced.

    Returns:
        What was written: ``out``, ``rows``, ``answers``, ``labels`` and ``segments``.

    Raises:
        FailedPreconditionError: the run has no answers, the database isn't the run's, or the file exists.
        InvalidInputError: the name or the format can't be used.
        ConfigError: the file can't be written, or a package is missing.
        SomersaultError: the database or a segment can't be read.
    """
    chosen = _format(out, file_format, has_segments=has_segments)
    check_database(run)
    rows = read_log_rows(run)
    if not rows:
        raise FailedPreconditionError(f"run {run.path} has no answers yet")
    segments = _segments(rows) if has_segments else {}
    if out != STDOUT:
        _check_is_new(out, replaces=replaces)
    try:
        if has_segments:
            _write_bundle(out, run, rows, segments)
        else:
            _write(out, _bytes(rows, chosen))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(f"--labels {out} can't be written: {error.strerror}") from error
    answers = [row for row in rows if row["kind"] == "preference"]
    return {
        "out": str(out),
        "rows": len(rows),
        "answers": len({row["answer_id"] for row in answers}),
        "labels": len({row["query_id"] for row in answers if not row["is_extra"]}),
        "segments": len(segments),
    }


def _format(out: Path, given: str | None, *, has_segments: bool) -> FileFormat:
    wanted = next((known for known in FORMATS if known == given), None)
    if given is not None and wanted is None:
        raise InvalidInputError("--format", given, f"one of {', '.join(FORMATS)}")
    if has_segments:
        if not is_bundle(out) or out == STDOUT or given not in (None, "jsonl"):
            raise InvalidInputError(
                "--labels", str(out), "with --with-segments the name of a new folder or one that ends in .tar"
            )
        return "jsonl"
    if out == STDOUT and given == "parquet":
        raise InvalidInputError("--format", given, "jsonl or csv where labels go to standard output")
    if wanted is not None or out == STDOUT:
        return wanted or "jsonl"
    with contextlib.suppress(InvalidInputError):
        if not is_bundle(out):
            return format_of(out.name)
    raise InvalidInputError(
        "--labels",
        str(out),
        "a name that ends in .jsonl, .ndjson, .csv or .parquet, or come with --format; with --with-segments a new folder"
        " or a name that ends in .tar",
    )


def _check_is_new(out: Path, *, replaces: bool) -> None:
    """Check that nothing is overwritten that must stay."""
    if out.is_dir():
        if any(out.iterdir()):
            raise FailedPreconditionError(f"--labels {out} is a folder that is not empty; name another")
    elif not replaces and (out.exists() or out.is_symlink()):
        raise FailedPreconditionError(
            f"--labels {out} exists already; name another file, or replace it with --force"
        )


def _segments(rows: list[Row]) -> dict[str, str]:
    """Return the keys of all segments that rows refer to, by id."""
    return {
        row[f"{side}_segment_id"]: row[f"{side}_segment_uri"]
        for row in rows
        if row["kind"] == "preference"
        for side in ("left", "right")
    }


def _write_bundle(out: Path, run: Run, rows: list[Row], segments: dict[str, str]) -> None:
    if out.suffix.lower() != ".tar":
        with open_bundle_writer(out) as bundle:
            _fill(bundle, run, rows, segments)
        return
    with _replacing(out) as temporary, open_bundle_writer(temporary) as bundle:
        _fill(bundle, run, rows, segments)


def _fill(bundle: BundleWriter, run: Run, rows: list[Row], segments: dict[str, str]) -> None:
    bundle.add(LABELS, _bytes(rows, "jsonl"))
    for segment_id, key in segments.items():
        bundle.add(segment_name(segment_id), run.segment_object(key))


def _bytes(rows: list[Row], file_format: FileFormat) -> bytes:
    writer = open_writer(file_format)
    return writer.write(rows) + writer.finish()


def _write(out: Path, data: bytes) -> None:
    if out == STDOUT:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    with _replacing(out) as temporary:
        temporary.write_bytes(data)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to the file at the end, so that no reader sees half of it."""
    temporary = path.with_name(f".new-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
