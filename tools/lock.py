"""Renew the lock files that `make setup` installs from: `make lock`, or `make lock ARGS=--upgrade` for newer releases.

``requirements/lock.txt`` pins every package of the development environment with the hashes of its files, for every
supported Python, except torch: ``requirements/torch.txt`` has the package index's build of it, with the libraries of
CUDA that this build needs on Linux. ``requirements/torch-cpu.txt``, the build without them, is renewed by hand.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_LOCK, _TORCH = (_ROOT / "requirements" / name for name in ("lock.txt", "torch.txt"))
_OF_TORCH = re.compile(r"torch==|triton==|(nvidia|cuda)-")
_HEADER = "# Written by `make lock` from pyproject.toml: don't edit.\n"


def main() -> None:
    """Resolve pyproject.toml anew, keeping what is locked unless `--upgrade` is given."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock.txt"
        output.write_text("".join(path.read_text() for path in (_LOCK, _TORCH) if path.exists()))
        _resolve(output, options=sys.argv[1:])
        entries = _entries(output.read_text())
    _LOCK.write_text(_HEADER + "".join(entry for entry in entries if not _OF_TORCH.match(entry)))
    _TORCH.write_text(_HEADER + "".join(entry for entry in entries if _OF_TORCH.match(entry)))


def _resolve(output: Path, *, options: list[str]) -> None:
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=").partition(",")[0]
    command = ["uv", "pip", "compile", "pyproject.toml", "--extra", "all", "--extra", "dev", "--universal"]
    command += ["--python-version", oldest, "--generate-hashes", "--no-header", "--quiet"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--output-file", str(output), *options]
    subprocess.run(command, cwd=_ROOT, check=True)


def _entries(text: str) -> list[str]:
    """Return the requirements of a lock, each with its hashes and what asks for it."""
    return re.findall(r"^\w.*\n(?:[ \t].*\n)*", text, re.MULTILINE)


if __name__ == "__main__":
    main()
