"""Nothing in the folder from which something of ours is started is ever run, whatever it is called.

Kind: code that is imported from the working folder. Each kind of process that we start, or that the documents say how to
start, begins in a folder full of modules that take the names of real ones.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.simulator.clips.render_process import RenderProcess
from somersault.cli.services import programs
from somersault.cli.services.processes import ServiceProcess
from somersault.cli.services.programs import MODULES
from somersault.cli.services.supervised_service import SupervisedService
from somersault.cli.start.environment_trial import try_environment
from somersault.cli.start.settings_check import check_settings
from somersault.environments.early_ends import ask_for_early_ends
from somersault.errors import SomersaultError
from somersault.runtime.probes import try_probe
from somersault.tasks import get_task

ROOT = Path(__file__).parents[3]
NAMES = [
    "grpc",
    "numpy",
    "structlog",
    "typer",
    "pydantic",
    "gymnasium",
    "mujoco",
    "av",
    "torch",
    "multiprocessing",
    "sitecustomize",
    "usercustomize",
    "json",
    "secrets",
    "ctypes",
    "signal",
    "asyncio",
    "logging",
    "ports",
    "faulthandler",
    "concurrent",
    "sqlalchemy",
    "starlette",
    "uvicorn",
]
# All start in the same way, and the others take seconds to import.
SERVICES = [name if name == "teacher" else pytest.param(name, marks=pytest.mark.slow) for name in MODULES]
PROGRAMS = [
    "services",
    *(pytest.param(one, marks=pytest.mark.slow) for one in ("somersault.cli", "services.learner")),
]
_HOSTILE = "import os\nwith open({mark!r}, 'a') as file: file.write({name!r} + '\\n')\nos._exit(99)\n"


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Begin in a hostile folder; return the file in which its modules, if they are run, write their names."""
    mark, folder = tmp_path / "what-was-run", tmp_path / "hostile"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(_HOSTILE.format(mark=str(mark), name=name))
    for name in ("services", "services/learner", "somersault"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(_HOSTILE.format(mark=str(mark), name=name))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return mark


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_hostile_folder_is_hostile(mark: Path) -> None:
    """A bare `python -m` runs what lies there."""
    subprocess.run([sys.executable, "-m", "services.learner", "--help"], capture_output=True, check=False)
    assert mark.read_text().split() == ["services"]


def test_the_command(mark: Path) -> None:
    """The console script, and what it becomes with `serve`."""
    _run([str(Path(sys.executable).with_name("somersault")), "version"])
    _run([str(Path(sys.executable).with_name("somersault")), "serve", "web", "--help"])
    assert not mark.exists()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_served_alone(mark: Path, monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    """`somersault serve` becomes a process that looks for modules where ours are."""
    monkeypatch.setattr(os, "execv", lambda _, command: _run(command))
    programs.serve(service, ["--help"])
    assert not mark.exists()


@pytest.mark.parametrize("module", PROGRAMS)
def test_as_the_documents_say(mark: Path, module: str) -> None:
    """`python -P -m` of what the documents name."""
    _run([sys.executable, "-P", "-m", module, "--help"])
    assert not mark.exists()


@pytest.mark.parametrize("module", PROGRAMS)
def test_without_the_flag_it_is_put_right(mark: Path, module: str) -> None:
    """A bare `python -m` begins again with ``-P`` unless the folder has a package of our own name."""
    for name in ("services/learner", "services", "somersault"):
        Path(name, "__init__.py").unlink()
        Path(name).rmdir()
    for name in (
        "sitecustomize",
        "usercustomize",
        "signal",
    ):  # nothing is in time for what Python's own start imports
        Path(f"{name}.py").unlink()
    _run([sys.executable, "-m", module, "--help"])
    assert not mark.exists()


@pytest.mark.parametrize("name", SERVICES)
async def test_a_supervised_service(mark: Path, tmp_path: Path, name: str) -> None:
    """A run's service gets as far as its own refusal."""
    process = ServiceProcess(
        name=name, module=MODULES[name], arguments=("--no-such-flag",), address="127.0.0.1:1"
    )
    service = SupervisedService(process, log=tmp_path / "log")
    with pytest.raises(SomersaultError, match="no-such-flag"):
        await service.run()
    assert not mark.exists()


async def test_what_is_tried_before_a_run(mark: Path, tmp_path: Path) -> None:
    """Environments, settings and libraries are tried in processes of their own."""
    (tmp_path / "task.py").write_text(
        "from somersault.tasks import get_task\nTASK = get_task('CartPole-v1')\n"
    )
    await try_environment(str(tmp_path / "task.py"), say=lambda _: None)
    assert ask_for_early_ends(str(tmp_path / "task.py")) is not None
    assert await try_probe("h264") == ""
    with pytest.raises(SomersaultError, match="no-such-flag"):
        await asyncio.to_thread(
            check_settings, {"web": ["--no-such-flag"]}, secrets={}, spec=get_task("pendulum").spec
        )
    assert not mark.exists()


def test_the_process_that_renders(mark: Path, tmp_path: Path) -> None:
    """A simulator hands ``-P`` down to what it starts by multiprocessing."""
    script = (
        "import asyncio\nfrom services.simulator.clips.render_process import RenderProcess\n"
        "from somersault.tasks import get_task\n"
        "async def main():\n    process = RenderProcess(get_task('pong'))\n    await process.start()\n"
        "    await process.close()\n"
        "if __name__ == '__main__':\n    asyncio.run(main())\n"
    )
    assert RenderProcess.__module__ in script
    (tmp_path / "rendering.py").write_text(script)
    _run([sys.executable, "-P", str(tmp_path / "rendering.py")])
    assert not mark.exists()


def test_users_own_modules_are_found_where_they_say(mark: Path, tmp_path: Path) -> None:
    """A teacher of a package on PYTHONPATH, and a task file that lies in the hostile folder itself."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own_teacher.py").write_text("def answer(left, right, rng): return 'left'\n")
    Path("own_task.py").write_text("from somersault.tasks import get_task\nTASK = get_task('pendulum')\n")
    script = (
        "from somersault.tasks import get_task\nfrom somersault.tasks.custom import load_teacher\n"
        "assert get_task('own_task.py').name == 'pendulum'\n"
        "assert load_teacher('own_teacher:answer')(0, 0, 0) == 'left'\n"
    )
    environment = {"PATH": os.defpath, "PYTHONPATH": str(tmp_path / "mine")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not mark.exists()


def test_documents_name_the_flag() -> None:
    """No document tells anyone to start a service in a way that would run what lies in the working folder."""
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    bare = re.compile(r"python3? -m (services(?!\.settings_check)|somersault\.cli)")
    history = {"results.md"}  # as it was measured
    found = {path.name for path in documents if bare.search(path.read_text(encoding="utf-8"))}
    assert found <= history
