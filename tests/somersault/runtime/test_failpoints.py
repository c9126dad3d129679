"""Failpoints: off by default, armed by a list or by a folder, refused when misspelt."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from somersault.errors import ConfigError, UnavailableError
from somersault.runtime import failpoints
from somersault.runtime.failpoints import arm, failpoint

POINT, OTHER = "labeler.commit.before", "labeler.commit.after"


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    """Leave nothing armed behind."""
    yield
    arm(None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that arms points, armed."""
    (tmp_path / "fired").mkdir()
    arm(f"@{tmp_path}")
    return tmp_path


def test_nothing_happens_unless_armed() -> None:
    """Not even a look at the name."""
    arm("")
    failpoint(POINT)
    failpoint("no such point")


def test_a_number_means_that_pass_alone() -> None:
    """The others, and other points, go by."""
    arm(f"{POINT}=error@3")
    failpoint(POINT)
    failpoint(OTHER)
    failpoint(POINT)
    with pytest.raises(UnavailableError, match=POINT):
        failpoint(POINT)
    failpoint(POINT)


def test_without_a_number_every_pass_counts() -> None:
    """Of each point of the list."""
    arm(f"{POINT}=error,{OTHER}=delay:0.01")
    for _ in range(2):
        with pytest.raises(UnavailableError):
            failpoint(POINT)
        begin_s = time.monotonic()
        failpoint(OTHER)
        assert time.monotonic() - begin_s >= 0.01


def test_a_folder_causes_each_fault_once(folder: Path) -> None:
    """At the pass that it names, counted from when it was armed."""
    failpoint(POINT)
    (folder / POINT).write_text("error@2")
    failpoint(POINT)
    with pytest.raises(UnavailableError):
        failpoint(POINT)
    failpoint(POINT)
    assert [path.name.startswith(f"{POINT}.") for path in (folder / "fired").iterdir()] == [True]


def test_a_kill_is_that_of_this_process_at_once(folder: Path) -> None:
    """Nothing after the point runs; another process that comes there later lives."""
    program = f"""if True:
        from somersault.runtime.failpoints import arm, failpoint
        arm("@{folder}")
        failpoint("{POINT}")
        print("alive")
    """
    (folder / POINT).write_text("kill")
    for code, said in ((-9, ""), (0, "alive\n")):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (code, said)


@pytest.mark.parametrize(
    "text",
    ["labeler.comit=kill", POINT, f"{POINT}=die", f"{POINT}=kill@0", f"{POINT}=delay:-1", "@/no/such/folder"],
)
def test_what_can_not_be_meant_is_refused(text: str) -> None:
    """A campaign with a misspelt point would find nothing."""
    with pytest.raises(ConfigError, match=failpoints.VARIABLE):
        arm(text)


def test_a_service_refuses_a_misspelt_point() -> None:
    """Before it serves, in one line."""
    command = [
        sys.executable,
        "-m",
        "services.labeler",
        "--database-url=sqlite:///x",
        "--storage-url=memory://",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={failpoints.VARIABLE: "labeler.comit=kill"}
    )
    assert done.returncode == 2
    assert "'labeler.comit'" in done.stderr.splitlines()[-1]
