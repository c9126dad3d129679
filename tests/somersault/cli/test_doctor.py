"""What a machine lacks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from somersault.cli import doctor
from somersault.cli.__main__ import main
from somersault.cli.doctor import Finding
from somersault.errors import ConfigError
from somersault.runtime import probes


def test_machine_that_runs_the_tests_is_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check is made and passes here."""
    assert main(["doctor", "--run-dir", str(tmp_path / "new" / "runs"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["is_healthy"]
    names = {finding["name"] for finding in report["findings"]}
    assert names >= {
        "python",
        "packages",
        "OpenGL",
        "video",
        "ports",
        "run folder",
        "cores",
        "memory",
        "seal",
    }
    assert not (tmp_path / "new").exists()


def test_missing_opengl_is_named_with_its_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and what to install."""
    monkeypatch.setenv("MUJOCO_GL", "no-such-library")
    assert main(["doctor"]) == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if "OpenGL" in line)
    assert line.startswith("MISSING")
    assert "apt-get install libosmesa6" in line


def test_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip is told the extra that brings it."""
    monkeypatch.setattr(doctor, "_PACKAGES", {"no_such_package": "learner", "json": "web"})
    finding = doctor._examine_packages()
    assert not finding.is_good
    assert "somersault[learner]" in finding.remedy


def test_a_machine_without_landlock_is_told_but_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training works, unsealed."""
    monkeypatch.setattr(doctor.landlock, "why_not", lambda: "too old")
    finding = doctor._examine_seal()
    assert not finding.is_good
    assert doctor.is_healthy([finding])
    assert "too old" in doctor.format_finding(finding)


def test_folder_that_can_not_be_written_is_found(tmp_path: Path) -> None:
    """A file in the place of a folder will do no one good."""
    (tmp_path / "runs").touch()
    assert not doctor._examine_folder(tmp_path / "runs" / "x").is_good


def test_what_is_not_required_does_not_fail() -> None:
    """One core is slow, not broken."""
    assert doctor.is_healthy([Finding("cores", is_good=False, text="1", is_required=False)])
    assert not doctor.is_healthy([Finding("OpenGL", is_good=False, text="none")])


async def test_training_is_refused_before_it_begins_without_opengl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run whose video can't be drawn is not begun."""
    monkeypatch.setenv("MUJOCO_GL", "no-such-library")
    with pytest.raises(ConfigError, match=r"clips can't be rendered: .*libegl1 libgl1-mesa-dri"):
        await probes.check_drawing(needs_opengl=True)


def test_games_need_no_opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is drawn from physics does."""
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    asyncio.run(probes.check_drawing(needs_opengl=False))
