"""Files that a command was asked to write, with a one-line error if they can't be written."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from somersault.errors import ConfigError, FailedPreconditionError

__all__ = ["prepare_file", "writing"]


@contextlib.contextmanager
def writing(out: Path) -> Iterator[None]:
    """Turn the system's refusal to write into an error that names the file.

    Raises:
        ConfigError: the file can't be written; the message says why.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"--out {out} can't be written ({reason}); choose another place") from error


def prepare_file(out: Path, *, replaces: bool) -> None:
    """Create the folder of an output file, and check that it is writable before any work is done.

    Args:
        out: the file.
        replaces: whether it may exist already.

    Raises:
        ConfigError: the folder isn't writable, or the file's name is a folder's.
        FailedPreconditionError: the file exists and must not be replaced.
    """
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder; name a file")
    if out.exists() and not replaces:
        raise FailedPreconditionError(
            f"--out {out} exists already; name another file, or replace it with --force"
        )
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out.parent).close()
