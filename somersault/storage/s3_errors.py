"""Turns the errors of an S3 server, or of the connection to it, into the domain's, with what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from xml.etree import ElementTree as ET

import minio.error
import urllib3.exceptions

from somersault.errors import (
    ConfigError,
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    SomersaultError,
    UnavailableError,
)

_UNREADABLE = (ET.ParseError, ValueError, LookupError, AttributeError, TypeError)
"""What the SDK raises for an answer that isn't S3's, or was damaged on the way."""

CAUGHT = (minio.error.MinioException, urllib3.exceptions.HTTPError, OSError, *_UNREADABLE)

_XML_CODE = re.compile(r"<Code>\s*(\w+)\s*</Code>")
_WRONG_REGION = {
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "EntityTooLarge"}
_NOT_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
_SERVER_FAULT = 500  # and above: the server's fault, not the request's
_BUSY = {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable"}


@dataclass(frozen=True, slots=True)
class Place:
    """The server and the bucket that a store is in."""

    host: str
    """Host and port, as in ``127.0.0.1:9000``."""

    bucket: str
    """The bucket's name."""

    is_secure: bool = True
    """Whether TLS is used."""

    @property
    def names(self) -> tuple[str, ...]:
        """What messages say of it that no caller is told."""
        return str(self), self.host, f"bucket {self.bucket!r}"

    def __str__(self) -> str:
        """Return how messages name it."""
        return f"object store {'https' if self.is_secure else 'http'}://{self.host}"


def translate(err: Exception, *, place: Place, key: str | None) -> SomersaultError:
    """Return the domain's error for one of `CAUGHT`."""
    if isinstance(err, minio.error.MinioException):
        status, code = _read_answer(err)
        return _translate_answer(status, code, place=place, key=key)
    if isinstance(err, urllib3.exceptions.SSLError) and _tls_reason(err) in _NOT_TLS:
        return ConfigError(
            f"{place} doesn't speak TLS ({_reason(err)}); "
            "if it speaks plain HTTP, add secure=false to the store's URL"
        )
    if isinstance(err, urllib3.exceptions.SSLError) and _tls_reason(err) == _UNTRUSTED:
        return ConfigError(f"{place} shows a certificate that isn't trusted here ({_reason(err)})")
    if isinstance(err, _UNREADABLE) and not isinstance(err, (urllib3.exceptions.HTTPError, OSError)):
        return UnavailableError(
            f"{place} answers what can't be read ({type(err).__name__}); look at its log, and at what is between"
        )
    return UnavailableError(f"{place} can't be reached ({_reason(err)}); start it or correct its URL")


def _read_answer(err: minio.error.MinioException) -> tuple[int, str]:
    """Return the HTTP status (0 when unknown) and the S3 error code (empty when there is none)."""
    if isinstance(err, minio.error.S3Error):
        return err.response.status, err.code or ""
    if isinstance(err, minio.error.InvalidResponseError):
        # The SDK does not parse errors sent as text/xml (rclone's are) and has no accessors here.
        found = _XML_CODE.search(err._body or "")  # noqa: SLF001
        return err._code, found.group(1) if found else ""  # noqa: SLF001
    if isinstance(err, minio.error.ServerError):
        return err.status_code, ""
    return 0, ""


def _translate_answer(status: int, code: str, *, place: Place, key: str | None) -> SomersaultError:
    said, bucket = code or f"HTTP {status}", f"bucket {place.bucket!r}"
    if code in _WRONG_REGION or status in (
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.TEMPORARY_REDIRECT,
    ):
        return ConfigError(f"{place} requires another region ({said}); add region=… to the store's URL")
    if status == HTTPStatus.NOT_FOUND:
        if code == "NoSuchBucket":
            missing = f"{bucket}; create it or add create=true to the store's URL"
        else:
            missing = f"object {key!r} in {bucket}"
        return NotFoundError(f"{place} has no {missing}")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return PermissionDeniedError(
            f"{place} refuses access ({said}); check the access key, the secret key, this machine's "
            f"clock and the identity's permissions in {bucket}"
        )
    if code in _FULL or status in (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.INSUFFICIENT_STORAGE,
    ):
        return ResourceExhaustedError(f"{place} accepts no more objects in {bucket} ({said})")
    if code in _BUSY or status == HTTPStatus.TOO_MANY_REQUESTS or status >= _SERVER_FAULT:
        return UnavailableError(f"{place} can't serve requests right now ({said}); look at its log")
    return FailedPreconditionError(f"{place} refuses the request for {bucket} ({said})")


def _tls_reason(err: urllib3.exceptions.SSLError) -> str:
    """Return OpenSSL's name of the error, empty for the end of the connection in its midst."""
    inner = err.args[0] if err.args else None
    return getattr(inner, "reason", None) or ""


def _reason(err: Exception) -> str:
    """Return the innermost cause in a few words, without addresses of Python objects."""
    cause: BaseException = err
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause).rpartition(">: ")[2] or type(cause).__name__
