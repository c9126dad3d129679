"""``progress.jsonl``: one JSON object per point, for programs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from somersault.cli.curves.sink import CurvePoint
from somersault.errors import UnavailableError
from somersault.formats.strict_json import dump_json, load_json
from somersault.runtime.failpoints import failpoint
from somersault.storage.durable_files import replace_file

__all__ = ["ProgressLog"]


class ProgressLog:
    """Appends rows to one file, over all lives of a run."""

    def __init__(self, path: Path) -> None:
        """Open the file, which need not exist."""
        self._path = path
        self._rows = path.open("a", encoding="utf-8")
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._rows.write("\n")  # the last life was killed in mid-row

    @property
    def newest_env_steps(self) -> int:
        """The step of the newest row; 0 if there is none."""
        return max((_env_steps(line) or 0 for line in self._lines()), default=0)

    def write(self, point: CurvePoint) -> None:
        """Append a row.

        Raises:
            UnavailableError: the system refuses, as on a full disk.
        """
        row = {
            "wall_s": round(point.wall_s, 3),
            "restarts": point.num_restarts,
            "state": point.state,
            **point.scalars,
        }
        with self._named():
            self._rows.write(dump_json(row) + "\n")
            self._rows.flush()
        failpoint("run.progress.written")

    def rewind(self, env_steps: int) -> None:
        """Drop rows after this step; the file is replaced atomically, so that a crash never leaves half of it."""
        kept = [line for line in self._lines() if (_env_steps(line) or 0) <= env_steps]
        self._rows.close()
        replace_file(self._path, "".join(f"{line}\n" for line in kept))
        self._rows = self._path.open("a", encoding="utf-8")

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        """Do nothing: videos are files of the run folder."""

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        """Do nothing: results are in ``summary.json``."""

    def close(self) -> None:
        """Close the file."""
        with self._named():
            self._rows.close()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Name the file in errors of the system."""
        try:
            yield
        except OSError as error:
            raise UnavailableError(
                f"{self._path} can't be written ({error.strerror}); check its disk"
            ) from error

    def _lines(self) -> list[str]:
        self._rows.flush()
        return self._path.read_text(encoding="utf-8").splitlines()


def _env_steps(line: str) -> int | None:
    """Return a row's step; None if the row was truncated."""
    try:
        return int(load_json(line)["run/env_steps"])
    except (ValueError, KeyError, TypeError):
        return None
