"""The lock files that `make setup` installs from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [one.split(" :: ")[2] for one in PROJECT["classifiers"] if ":: Python ::" in one]


def _entries(name: str) -> list[str]:
    text = (FOLDER / name).read_text(encoding="utf-8")
    return re.findall(r"^\w.*\n(?:[ \t].*\n)*", text, re.MULTILINE)


def _locked(*files: str) -> list[Requirement]:
    return [Requirement(re.split(r" *\\\n", entry)[0]) for name in files for entry in _entries(name)]


def _asked_for() -> list[Requirement]:
    """Return what the extras of the development environment ask for, theirs of each other resolved."""
    found, waiting, seen = [*map(Requirement, PROJECT["dependencies"])], ["all", "dev"], set()
    while waiting:
        extra = waiting.pop()
        if extra in seen:
            continue
        seen.add(extra)
        for one in map(Requirement, PROJECT["optional-dependencies"][extra]):
            if one.name == "somersault":
                waiting += one.extras
            else:
                found.append(one)
    return found


@pytest.mark.parametrize("python", PYTHONS)
def test_everything_asked_for_is_locked_once(python: str) -> None:
    """For each Python: one release of each package, and one that pyproject.toml allows."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    }
    locked: dict[str, str] = {}
    for one in _locked("lock.txt", "torch.txt"):
        if one.marker is None or one.marker.evaluate(environment):
            assert canonicalize_name(one.name) not in locked
            locked[canonicalize_name(one.name)] = next(iter(one.specifier)).version
    missing = [
        str(one)
        for one in _asked_for()
        if (one.marker is None or one.marker.evaluate(environment))
        and not one.specifier.contains(locked.get(canonicalize_name(one.name), "0"), prereleases=True)
    ]
    assert missing == [], "run `make lock`"


def test_the_cpu_build_is_of_the_locked_torch() -> None:
    """Its hashes are renewed by hand."""
    (of_index,) = (one for one in _locked("torch.txt") if one.name == "torch")
    (cpu,) = _locked("torch-cpu.txt")
    assert str(cpu.specifier) == f"{of_index.specifier}+cpu"


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_every_file_is_hashed_and_no_index_is_named(path: Path) -> None:
    """The lock works with whatever index pip is set up for."""
    assert [entry for entry in _entries(path.name) if "--hash=sha256:" not in entry] == []
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"://|^--(?!hash).*|@ ", text, re.MULTILINE) == []
