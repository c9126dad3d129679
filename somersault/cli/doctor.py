"""``somersault doctor``: what this machine lacks and how to get it."""

from __future__ import annotations

import asyncio
import dataclasses
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from somersault.cli.services.ports import choose_ports
from somersault.errors import SomersaultError
from somersault.processes import landlock
from somersault.runtime.probes import INSTALL_OPENGL, INSTALL_VIDEO, find_opengl, try_probe

__all__ = ["Finding", "as_values", "examine", "format_finding", "is_healthy"]

LEAST_PYTHON = (3, 11)
NUM_PORTS = 6  # one a service

_GIB = 1024**3
_LEAST_MEMORY_GIB = 2.0  # six services, with torch in two of them
_USEFUL_CORES = 2

_PACKAGES = {
    "mujoco": "simulator",
    "gymnasium": "simulator",
    "av": "simulator",
    "torch": "learner",
    "sqlalchemy": "labeler",
    "alembic": "labeler",
    "starlette": "web",
    "uvicorn": "web",
    "tensorboard": "cli",
}
"""Packages that services import, with the extra that installs each."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was examined."""

    name: str
    is_good: bool
    text: str
    """What was found."""
    remedy: str = ""
    """What to do about it."""
    is_required: bool = True
    """Whether nothing can be trained without it."""


def examine(runs: Path) -> list[Finding]:
    """Examine everything that training on this machine needs."""
    return [
        _examine_python(),
        _examine_packages(),
        *asyncio.run(_examine_drawing()),
        _examine_ports(),
        _examine_folder(runs),
        _examine_cores(),
        _examine_memory(),
        _examine_seal(),
    ]


def is_healthy(findings: Sequence[Finding]) -> bool:
    """Return whether nothing that is required is missing."""
    return all(finding.is_good or not finding.is_required for finding in findings)


def format_finding(finding: Finding) -> str:
    """Return a finding as one line."""
    mark = "ok" if finding.is_good else "MISSING" if finding.is_required else "note"
    remedy = "" if finding.is_good else f": {finding.remedy}"
    return f"{mark:8} {finding.name:10} {finding.text}{remedy}"


def as_values(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return all findings as one JSON object."""
    return {
        "is_healthy": is_healthy(findings),
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }


def _examine_python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    least = ".".join(map(str, LEAST_PYTHON))
    remedy = f"install Python {least} or newer and run make setup PYTHON=python{least}"
    return Finding("python", sys.version_info[:2] >= LEAST_PYTHON, found, remedy)


def _examine_packages() -> Finding:
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    extras = ",".join(sorted({_PACKAGES[name] for name in missing}))
    text = f"not installed: {', '.join(missing)}" if missing else f"all {len(_PACKAGES)} found"
    return Finding("packages", not missing, text, f"make setup, or pip install 'somersault[{extras}]'")


async def _examine_drawing() -> list[Finding]:
    (backend, problem), video_problem = await asyncio.gather(find_opengl(), try_probe("h264"))
    return [
        Finding(
            "OpenGL",
            backend is not None,
            problem or f"{backend} renders without a screen",
            INSTALL_OPENGL,
        ),
        Finding("video", not video_problem, video_problem or "H.264 is encoded", INSTALL_VIDEO),
    ]


def _examine_ports() -> Finding:
    remedy = "end programs that listen on this machine"
    try:
        choose_ports(NUM_PORTS)
    except SomersaultError as error:
        return Finding("ports", is_good=False, text=str(error), remedy=remedy)
    return Finding("ports", is_good=True, text=f"{NUM_PORTS} free ones on loopback")


def _examine_folder(runs: Path) -> Finding:
    place = runs.absolute()
    while not place.exists():
        place = place.parent
    remedy = "choose another folder with --run-dir"
    try:
        with tempfile.TemporaryFile(dir=place):
            free_gib = _free_bytes(place) / _GIB
    except OSError as error:
        return Finding(
            "run folder", is_good=False, text=f"{place} can't be written ({error.strerror})", remedy=remedy
        )
    return Finding(
        "run folder",
        free_gib >= 1,
        f"{place} has {free_gib:.1f} GiB free",
        f"free 1 GiB, or {remedy}",
    )


def _free_bytes(place: Path) -> int:
    status = os.statvfs(place)
    return status.f_bavail * status.f_frsize


def _examine_cores() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding(
        "cores",
        cores >= _USEFUL_CORES,
        str(cores),
        "training works, about half as fast as on two",
        is_required=False,
    )


def _examine_memory() -> Finding:
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    remedy = f"training may run out of memory; {_LEAST_MEMORY_GIB:.0f} GiB are enough"
    return Finding(
        "memory",
        memory_gib >= _LEAST_MEMORY_GIB,
        f"{memory_gib:.1f} GiB",
        remedy,
        is_required=False,
    )


def _examine_seal() -> Finding:
    reason = landlock.why_not()
    return Finding(
        "seal",
        not reason,
        reason or "Landlock keeps learner and reward service from true rewards and labels",
        "training works, but learner and reward service could open the run's sealed part",
        is_required=False,
    )
