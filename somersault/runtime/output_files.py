"""Files that a command was asked to write: one clear line where they can't be."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from somersault.errors import ConfigError, FailedPreconditionError

__all__ = ["prepare_file", "writing"]


@contextlib.contextmanager
def writing(out: Path) -> Iterator[None]:
    """Name what was to be written where the system refuses to.

    Raises:
        ConfigError: it did, and says why.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"--out {out} can't be written ({reason}); choose another place") from error


def prepare_file(out: Path, *, replaces: bool) -> None:
    """Make the folder that a file is to be in, and try whether files can be, before work goes into the file.

    Args:
        out: the file.
        replaces: whether it may be there already.

    Raises:
        ConfigError: files can't be written there, or a folder has the file's name.
        FailedPreconditionError: the file is there and must not be replaced.
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
