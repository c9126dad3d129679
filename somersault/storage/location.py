"""Opens the object store that a URL names."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from somersault.errors import ConfigError, InvalidInputError
from somersault.runtime.urls import hide_secrets, path_of_file_url
from somersault.storage import key_checks
from somersault.storage.folder import FolderStore
from somersault.storage.memory import MemoryStore
from somersault.storage.object_store import MAX_OBJECT_BYTES, ObjectStore
from somersault.storage.run_folder import RunFolderStore

_SHAPES = (
    "file:///ABSOLUTE/PATH[?run=RUN_ID], memory:// or "
    "s3://HOST[:PORT]/BUCKET[/PREFIX][?secure=false&region=NAME&create=true]"
)
_BOOLEANS = {"true": True, "false": False}


def open_store(
    url: str,
    *,
    access_key: str | None = None,
    secret_key: str | None = None,
    max_object_bytes: int = MAX_OBJECT_BYTES,
) -> ObjectStore:
    """Open an object store without talking to it yet; `ObjectStore.check` does.

    Args:
        url: ``file:///path``, ``s3://HOST:PORT/BUCKET[/PREFIX]``, or ``memory://`` for a new, empty
            store each time. ``file:///path?run=RUN_ID`` is the folder of that run, which must exist:
            what its keys have after ``RUN_ID/`` leads into it, other keys are refused. The query of an
            S3 URL may hold ``secure`` (``false`` for plain HTTP; default ``true``), ``region`` (default
            ``us-east-1``) and ``create`` (``true`` makes a missing bucket; default ``false``).
        access_key: the key id, for S3 only.
        secret_key: its secret, for S3 only.
        max_object_bytes: the bound on an object's size.

    Raises:
        ConfigError: the URL names no known kind of store, or an S3 store lacks its credentials.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed, and refused, only when asked for
    except ValueError as err:
        # Its reason is not repeated either: it quotes what it took for a port.
        raise ConfigError(f"object store URL can't be read, must be {_SHAPES}") from err
    if "@" in parts.netloc:  # not repeated in the message: it may hold the secret
        raise ConfigError("object store URL holds credentials; pass the two keys separately")
    if parts.scheme == "file":
        return _open_folder(parts, url=url, max_object_bytes=max_object_bytes)
    if parts.scheme == "memory" and not (parts.netloc or parts.path or parts.query):
        return MemoryStore(max_object_bytes=max_object_bytes)
    if parts.scheme == "s3":
        return _open_s3(
            parts,
            url=url,
            access_key=access_key,
            secret_key=secret_key,
            max_object_bytes=max_object_bytes,
        )
    raise ConfigError("object store URL", hide_secrets(url), _SHAPES)


def _open_folder(parts: SplitResult, *, url: str, max_object_bytes: int) -> ObjectStore:
    path = path_of_file_url(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    is_known = [name for name, _ in query] in ([], ["run"]) and bool(query) == bool(parts.query)
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or not is_known or parts.fragment:
        raise ConfigError("object store URL", hide_secrets(url), f"{_SHAPES}; write ? and # as %3F and %23")
    if "\0" in str(path):
        raise ConfigError("object store URL", hide_secrets(url), "a path without NUL")
    if not query:
        return FolderStore(path, max_object_bytes=max_object_bytes)
    try:
        return RunFolderStore(path, run_id=query[0][1], max_object_bytes=max_object_bytes)
    except InvalidInputError as err:
        raise ConfigError(f"object store URL {hide_secrets(url)!r} can't be used: {err}") from err


def _open_s3(
    parts: SplitResult,
    *,
    url: str,
    access_key: str | None,
    secret_key: str | None,
    max_object_bytes: int,
) -> ObjectStore:
    bucket, _, prefix = unquote(parts.path).strip("/").partition("/")
    if not parts.hostname or not bucket or parts.fragment:
        raise ConfigError("object store URL", hide_secrets(url), _SHAPES)
    if not access_key or not secret_key:
        raise ConfigError(f"object store s3://{parts.netloc} needs both an access key and a secret key")
    options = _read_options(parts.query)
    # Its client takes as long to import as all the rest, and most stores are folders.
    from somersault.storage.s3 import S3Store
    from somersault.storage.s3_errors import Place

    place = Place(host=parts.netloc, bucket=bucket, is_secure=_read_flag(options, "secure", default=True))
    try:
        if prefix:
            key_checks.check_key(prefix)
        return S3Store(
            place,
            access_key=access_key,
            secret_key=secret_key,
            prefix=prefix,
            region=options.get("region", "us-east-1"),
            create_bucket=_read_flag(options, "create", default=False),
            max_object_bytes=max_object_bytes,
        )
    except (InvalidInputError, ValueError) as err:
        raise ConfigError(f"object store URL {hide_secrets(url)!r} can't be used: {err}") from err


def _read_options(query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options.keys() - {"secure", "region", "create"}:
        raise ConfigError("object store URL option", name, "secure, region or create")
    return options


def _read_flag(options: dict[str, str], name: str, *, default: bool) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if value not in _BOOLEANS:
        raise ConfigError(f"object store URL option {name}", value, "true or false")
    return _BOOLEANS[value]
