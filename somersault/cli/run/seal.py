"""What of a run's files on this machine some of its services may open.

These are the ones that must not know true rewards or labels, the learner and the reward service, and the one that strangers
reach, which serves the pages. As with S3 identities, each has what `somersault.storage.policies.ACCESS` says, and its own
certificates. The other services are held to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.services.certificates import certificates_of
from somersault.processes.seal import Seal
from somersault.runtime.urls import path_of_file_url
from somersault.storage.folder import PROBES
from somersault.storage.policies import ACCESS

__all__ = ["SEALED_SERVICES", "seal_of"]

SEALED_SERVICES = ("learner", "reward", "web")

_OF_ANY_RUN, _ALL_IN = "*/", "/*"


def seal_of(name: str, config: RunConfig, folder: RunFolder) -> Seal | None:
    """Return what a service is held to; None for one that is held to nothing."""
    if name not in SEALED_SERVICES:
        return None
    readable = [certificates_of(folder.certificates, name)]
    writable, made, closed = list[Path](), list[Path](), [folder.path]
    objects, access = _folder_of_objects(config), ACCESS.get(name)
    if objects is not None:
        closed.append(objects.path)
    if objects is not None and access is not None:
        readable += [objects.probes, *(objects.path / _path_of(key) for key in access.reads)]
        writable += [objects.probes, *(objects.path / _path_of(key) for key in access.writes)]
        keys = (*access.reads, *access.writes)
        made += [objects.probes, *(objects.path / _path_of(key) for key in keys if key.endswith(_ALL_IN))]
    if name == "web":  # the pair that browsers are shown may lie in the run's folder
        readable += [Path(path) for path in (config.tls_certificate, config.tls_key) if path]
    return Seal(
        closed=_texts(closed),
        readable=_texts(readable),
        writable=_texts(writable),
        made=_texts(made),
        temporary=str(folder.path / ".temporary" / name),
    )


class _Objects(NamedTuple):
    path: Path
    """The folder of the run's objects."""
    probes: Path


def _folder_of_objects(config: RunConfig) -> _Objects | None:
    """Return where on this machine the run's objects are; None if they are elsewhere."""
    parts = urlsplit(config.storage_url)
    if parts.scheme != "file":
        return None
    root = path_of_file_url(config.storage_url)
    return _Objects(root if parts.query else root / config.run_id, root / PROBES)


def _path_of(pattern: str) -> str:
    """Return where in the folder of a run's objects a pattern of keys leads: a folder, unless it names one object."""
    return pattern.removeprefix(_OF_ANY_RUN).removesuffix(_ALL_IN)


def _texts(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, paths)))
