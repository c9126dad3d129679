"""The certificate that browsers are shown, read again when its files change."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import structlog

from somersault.rpc.tls.folder import POLL_S, state_of

__all__ = ["BrowserCertificate"]

_log = structlog.get_logger()


class BrowserCertificate:
    """Holds the newest certificate and key that could be used; what can't be is logged and not taken."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read the files.

        Raises:
            OSError: they can't be used.
        """
        self._certificate, self._key = certificate, key
        self._seen = self._state()
        self._current = self._read()
        self._complaint = ""

    def follow(self, context: ssl.SSLContext) -> None:
        """Let connections that begin by a context show the newest one."""
        context.sni_callback = self._show

    async def watch(self) -> None:
        """Take new files when there are any, until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> None:
        """Take new files if there are any that can be used: perhaps only one of the two has been written yet."""
        state = self._state()
        if state == self._seen:
            return
        try:
            self._current = self._read()
        except OSError as error:  # an ssl.SSLError is one, too
            if str(error) != self._complaint:
                self._complaint = str(error)
                _log.warning(
                    "pages_certificate_not_taken", path=str(self._certificate), detail=self._complaint
                )
            return
        self._seen, self._complaint = state, ""
        _log.info("pages_certificate_taken", path=str(self._certificate))

    def _show(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current  # asked of each connection, also of one that names no host

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate, self._key, password=_no_password)
        return context

    def _state(self) -> tuple[tuple[int, ...], ...]:
        return state_of(self._certificate), state_of(self._key)


def _no_password() -> str:
    """Return none: OpenSSL would ask on the terminal for that of an encrypted key."""
    return ""
