"""A folder of certificates that is watched: new files are taken while the process runs."""

from __future__ import annotations

import threading
import time
import weakref
from pathlib import Path

import prometheus_client
import structlog

from somersault.errors import ConfigError
from somersault.rpc.tls.certificates import (
    AUTHORITIES_FILE,
    CERTIFICATE_FILE,
    KEY_FILE,
    Certificates,
    read_certificates,
)

__all__ = ["POLL_S", "CertificateFolder", "open_folder", "state_of"]

_log = structlog.get_logger()

POLL_S = 1.0
"""How often the files' times are looked at."""

_EXPIRY = prometheus_client.Gauge(
    "somersault_rpc_certificate_expiry_timestamp_seconds",
    "When the certificates in use expire, in seconds since 1970.",
    ["identity", "file"],
)

_open: weakref.WeakValueDictionary[Path, CertificateFolder] = weakref.WeakValueDictionary()
_lock = threading.Lock()


class CertificateFolder:
    """Holds the newest certificates of a folder that could be used.

    A thread looks at the files every second for as long as the object is in use. What can't be used isn't taken, and
    logged: one of three files that have not all been written yet, an expired certificate, another service's.
    """

    def __init__(self, path: Path) -> None:
        """Read the files.

        Raises:
            ConfigError: they can't be used.
        """
        self._path = path
        self._seen = self._state()
        self._current = read_certificates(path)
        self._complaint = ""
        self._export()
        threading.Thread(
            target=_watch, args=(weakref.ref(self),), name=f"certificates {path}", daemon=True
        ).start()

    @property
    def current(self) -> Certificates:
        """The newest ones; another object once there are newer ones. Any thread may ask."""
        return self._current

    def refresh(self) -> None:
        """Take new files if there are any that can be used."""
        state = self._state()
        if state == self._seen:
            return
        try:
            newer = read_certificates(self._path)
            if newer.name != self._current.name:
                raise ConfigError(f"name of {self._path / CERTIFICATE_FILE}", newer.name, self._current.name)
        except ConfigError as error:  # looked at again, since the times of the files may stay as they are
            if str(error) != self._complaint:
                self._complaint = str(error)
                _log.warning("certificates_not_taken", path=str(self._path), detail=self._complaint)
            return
        self._seen, self._complaint = state, ""
        if newer != self._current:
            self._current = newer
            self._export()
            _log.info("certificates_taken", path=str(self._path), expiry=newer.expiry.isoformat())

    def _state(self) -> tuple[tuple[int, ...], ...]:
        """Return what changes with each of the files."""
        return tuple(state_of(self._path / name) for name in (CERTIFICATE_FILE, KEY_FILE, AUTHORITIES_FILE))

    def _export(self) -> None:
        now = self._current
        for file, expiry in ((CERTIFICATE_FILE, now.expiry), (AUTHORITIES_FILE, now.authorities_expiry)):
            _EXPIRY.labels(now.identity.value, file).set(expiry.timestamp())


def open_folder(path: Path) -> CertificateFolder:
    """Return the folder's certificates, the same object to all who use them at a time.

    Raises:
        ConfigError: they can't be used.
    """
    with _lock:
        path = path.absolute()  # not resolved: a mounted Secret is replaced by moving a link
        folder = _open.get(path)
        if folder is None:
            folder = _open[path] = CertificateFolder(path)
        return folder


def state_of(path: Path) -> tuple[int, ...]:
    """Return what changes with a file; () if it isn't there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _watch(reference: weakref.ref[CertificateFolder]) -> None:
    """Refresh a folder until nobody uses it."""
    while True:
        time.sleep(POLL_S)
        folder = reference()
        if folder is None:
            return
        try:
            folder.refresh()
        except Exception as error:  # a bug must not end the watch
            _log.error("certificates_not_watched", exc_info=error)
        del folder
