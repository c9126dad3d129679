"""The pages' own files, built from ``page/`` and read once from the package; no other file is served."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from starlette.datastructures import Headers
from starlette.responses import Response

from somersault.errors import ConfigError

__all__ = ["Asset", "asset_response", "read_assets"]

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the pages."""

    data: bytes
    media_type: str
    etag: str


def read_assets() -> Mapping[str, Asset]:
    """Return the pages' files by name.

    Raises:
        ConfigError: They were never built.
    """
    assets = {}
    folder = resources.files(__package__).joinpath("static")
    if not folder.joinpath("index.html").is_file():
        raise ConfigError("the pages are not built; run make setup, or install somersault from a wheel")
    for file in folder.iterdir():
        media_type = _TYPES.get(file.name[file.name.rfind(".") :])
        if media_type:
            data = file.read_bytes()
            assets[file.name] = Asset(data, media_type, f'"{hashlib.sha256(data).hexdigest()}"')
    return assets


def asset_response(asset: Asset, headers: Headers) -> Response:
    """Return a file, or 304 if the browser has it. Browsers ask each time, so a new version is seen at once."""
    shared = {"cache-control": "no-cache", "etag": asset.etag}
    if asset.etag in headers.get("if-none-match", ""):
        return Response(status_code=304, headers=shared)
    return Response(asset.data, headers=shared, media_type=asset.media_type)
