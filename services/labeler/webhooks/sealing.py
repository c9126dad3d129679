"""Webhooks' secrets as the database has them: encrypted by a key that is not in it, so that a backup gives none away."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from somersault.errors import ConfigError, CorruptDataError, FailedPreconditionError

__all__ = ["SecretBox", "is_sealed"]

_SEALED = "sealed1:"
_PREFIX = "whsec_"
_KEY_BYTES, _NONCE_BYTES = 32, 12


def is_sealed(stored: str) -> bool:
    """Return whether a stored secret is encrypted; older versions stored it as it is."""
    return stored.startswith(_SEALED)


class SecretBox:
    """Encrypts and decrypts with AES-256-GCM. The key is a file, which is made when something is first encrypted."""

    def __init__(self, path: Path | None) -> None:
        """Take the key's file; with None nothing can be encrypted or decrypted."""
        self._path = path

    @property
    def has_key_file(self) -> bool:
        """Whether there is a place for the key."""
        return self._path is not None

    def seal(self, webhook_id: str, secret: str) -> str:
        """Return a webhook's secret as it is stored.

        Raises:
            FailedPreconditionError: There is no place for a key.
            ConfigError: The key's file can't be used.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = base64.b64decode(secret.removeprefix(_PREFIX))
        cipher = AESGCM(self._make_key()).encrypt(nonce, plain, webhook_id.encode())
        return _SEALED + base64.b64encode(nonce + cipher).decode()

    def open(self, webhook_id: str, stored: str) -> str:
        """Return a webhook's secret from what is stored.

        Raises:
            ConfigError: The key's file can't be used.
            CorruptDataError: It was encrypted by another key, or for another webhook.
        """
        if not is_sealed(stored):
            return stored
        if self._path is None or not self._path.exists():
            raise CorruptDataError(
                f"its secret can't be read: the key's file {self._path or '(secret_key_path)'} is missing"
            )
        sealed = base64.b64decode(stored.removeprefix(_SEALED))
        nonce, cipher = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            plain = AESGCM(_read_key(self._path)).decrypt(nonce, cipher, webhook_id.encode())
        except InvalidTag as error:
            raise CorruptDataError(f"its secret can't be read: {self._path} is another key") from error
        return _PREFIX + base64.b64encode(plain).decode()

    def _make_key(self) -> bytes:
        if self._path is None:
            raise FailedPreconditionError(
                "webhooks' secrets need a key outside the database: start the labeler with secret_key_path, a file that"
                " it makes"
            )
        if not self._path.exists():
            _store_new_key(self._path)
        return _read_key(self._path)


def _read_key(path: Path) -> bytes:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"secret_key_path {path} can be read by others; run: chmod 600 {path}")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise ConfigError(f"secret_key_path {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(
            f"secret_key_path {path} is no key: it must hold {2 * _KEY_BYTES} hexadecimal digits"
        ) from error
    if len(key) != _KEY_BYTES:
        raise ConfigError(f"secret_key_path {path} holds {len(key)} bytes, must be {_KEY_BYTES}")
    return key


def _store_new_key(path: Path) -> None:
    """Store a key under a name that nobody has used; of two programs at once one makes it, and both then read it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.touch(mode=0o600, exist_ok=False)
        with temporary.open("w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError(f"secret_key_path {path} can't be written: {error.strerror}") from error
