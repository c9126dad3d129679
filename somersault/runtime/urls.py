"""Turns paths into URLs and back; nothing else does. Each kind of URL is built by its library's own constructor.

A path that is put into a URL by hand leads elsewhere as soon as it contains ``?``, ``#``, ``%`` or a space.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlencode, urlsplit

__all__ = ["file_url", "hide_secrets", "path_of_file_url", "run_folder_url", "sqlite_uri", "sqlite_url"]


# Each is linear in the length of the text, whatever that is.
_WORD = re.compile(r"[^\s'\"]+")
_PORT = re.compile(r"(://[^/:@\s\[]+:)(?!\d+\b)[^\s'\"/?]+")  # a password whose host was forgotten
_NAMED_SECRET = re.compile(
    r"(?i)(?<![\w.-])(?=[\w.-]++=)(?=[\w.-]*?(?:pass|pwd|secret|token|key|credential|signature))([\w.-]++=)[^\s&'\"]+"
)


def file_url(path: Path) -> str:
    """Return the ``file:///`` URL of a path; a relative one is taken from the current folder."""
    return path.absolute().as_uri()


def path_of_file_url(url: str) -> Path:
    """Return the path that a ``file:///`` URL leads to, whatever its query says."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(url).path)))


def run_folder_url(folder: Path, *, run_id: str) -> str:
    """Return the URL of the object store that is a run's own folder; `somersault.storage.open_store` opens it."""
    return f"{file_url(folder)}?{urlencode({'run': run_id})}"


def hide_secrets(text: str) -> str:
    """Return a text, such as a URL or an error that quotes one, without its credentials."""
    text = _WORD.sub(_without_user_info, text)
    text = _PORT.sub(r"\1…", text)
    return _NAMED_SECRET.sub(r"\1…", text)


def _without_user_info(word: re.Match[str]) -> str:
    """Of a URL that is written wrongly too: what follows the scheme, up to the last "@"."""
    scheme, colon, rest = word[0].partition(":")
    secret, at, host = rest.rpartition("@")
    slashes = "/" * min(3, len(secret) - len(secret.lstrip("/")))
    is_hidden = len(secret) > len(slashes)
    return f"{scheme}{colon}{slashes}…{at}{host}" if is_hidden else word[0]


def sqlite_url(path: Path, *, names_driver: bool = False) -> str:
    """Return the URL with which SQLAlchemy opens an SQLite database file; with ``names_driver`` it names the driver too."""
    import sqlalchemy as sa  # part of the labeler's extra: `somersault` starts without it

    database = sa.URL.create("sqlite+pysqlite" if names_driver else "sqlite", database=str(path.absolute()))
    return database.render_as_string(hide_password=False)


def sqlite_uri(path: Path, **parameters: str) -> str:
    """Return the URI with which SQLite itself opens a database file, ``mode="ro"`` to only read it.

    https://www.sqlite.org/uri.html
    """
    return f"{file_url(path)}?{urlencode(parameters)}"
