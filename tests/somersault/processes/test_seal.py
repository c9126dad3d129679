"""What a process that is held to a seal may still do with files: the plan as data, and what the kernel makes of it.

Kind: files of one service that another, of the same user, could open.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from somersault.processes import landlock
from somersault.processes.landlock import ALL, OF_A_FILE, READ, WRITE
from somersault.processes.launch import launch_command
from somersault.processes.seal import MAX_ENTRIES, Entry, Seal, plan

needs_landlock = pytest.mark.skipif(bool(landlock.why_not()), reason=landlock.why_not())

_TREE = {
    "/": [Entry("etc", is_folder=True), Entry("home", is_folder=True), Entry("vmlinuz", is_folder=False)],
    "/home": [Entry("me", is_folder=True), Entry("other", is_folder=True)],
    "/home/me": [Entry("runs", is_folder=True), Entry("task.py", is_folder=False)],
    "/home/me/runs": [
        Entry("this", is_folder=True),
        Entry("another", is_folder=True),
        Entry("notes", is_folder=True),
    ],
}
_THIS = "/home/me/runs/this"


def _planned(seal: Seal, tree: Mapping[str, Sequence[Entry]]) -> dict[str, int]:
    return plan(seal, list_folder=lambda folder: tree[folder], is_run=lambda path: path.endswith("/another"))


def test_the_plan_leaves_all_but_the_runs() -> None:
    """Whatever is beside the folders above the run, and of the run what is named; another run stays closed."""
    seal = Seal((_THIS,), (f"{_THIS}/a", f"{_THIS}/ab"), (f"{_THIS}/b", f"{_THIS}/ab"), (), f"{_THIS}/t")
    assert _planned(seal, _TREE) == {
        "/etc": ALL,
        "/vmlinuz": OF_A_FILE,
        "/home/other": ALL,
        "/home/me/task.py": OF_A_FILE,
        "/home/me/runs/notes": ALL,
        f"{_THIS}/a": READ,
        f"{_THIS}/b": WRITE,
        f"{_THIS}/ab": ALL,
    }


def test_the_plan_of_two_closed_folders() -> None:
    """Neither is opened by what is allowed because of the other, even if one holds the other."""
    store = "/home/other/store"
    tree = {**_TREE, "/home/other": [Entry("store", is_folder=True), Entry("x", is_folder=False)]}
    rights = _planned(Seal((_THIS, store, f"{store}/deep"), (), (), (), ""), tree)
    assert rights["/home/other/x"] == OF_A_FILE
    assert not {"/home/other", store, _THIS, f"{store}/deep"} & set(rights)


def test_too_much_to_allow_is_refused() -> None:
    """A folder of a million files would hold every start up."""
    tree = {**_TREE, "/home": [Entry(str(number), is_folder=False) for number in range(MAX_ENTRIES + 1)]}
    with pytest.raises(OSError, match=f"more than {MAX_ENTRIES} files"):
        _planned(Seal((_THIS,), (), (), (), ""), tree)


def test_a_seal_goes_by_text() -> None:
    """Paths need not be UTF-8."""
    seal = Seal(("/a", "/ö"), (os.fsdecode(b"/\xff"),), (), ("/m",), "/t")
    assert seal.as_text().isascii()
    assert Seal.of_text(seal.as_text()) == seal


_TRIES = """
import json, os, sys, tempfile
def try_all(uses):
    for kind, path in uses:
        try:
            if kind == "read": open(path).read()
            if kind == "write": open(path, "a").close()
            if kind == "remove": os.remove(path)
            if kind == "link": os.link(path, os.path.join(tempfile.gettempdir(), "link"))
            if kind == "move": os.rename(path, os.path.join(tempfile.gettempdir(), "moved"))
            if kind == "empty": os.truncate(path, 0)
            yield "done"
        except PermissionError:
            yield "refused"
        except OSError as error:  # EXDEV is how links and moves to another folder are refused
            yield "refused" if error.errno == 18 else repr(error)
print(json.dumps([*try_all(json.loads(sys.argv[1])), tempfile.gettempdir()]))
"""


def _tried(seal: Seal, uses: Sequence[tuple[str, Path]]) -> list[str]:
    told = json.dumps([(kind, str(path)) for kind, path in uses])
    command = launch_command([sys.executable, "-ISc", _TRIES, told], seal=seal.as_text())
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert not done.stderr
    results: list[str] = json.loads(done.stdout)
    return results


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with a secret, a folder to write and one to read, beside a task of one's own and another run."""
    run = tmp_path / "runs" / "this"
    for name in ("sealed/x", "mine/x", "shown/x", "tokens.json", "../other/tokens.json", "../../task.py"):
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    return run


def _seal(run: Path) -> Seal:
    shown, mine = str(run / "shown"), str(run / "mine")
    return Seal((str(run),), (shown, mine), (mine,), (shown, mine), str(run / "temporary"))


@needs_landlock
def test_a_launched_process_can_not_open_what_is_sealed(run: Path, tmp_path: Path) -> None:
    """By no way: reading, writing, emptying, removing, linking or moving it to where it may read."""
    secrets = [run / "sealed" / "x", run / "tokens.json", run.parent / "other" / "tokens.json"]
    uses = [(how, path) for path in secrets for how in ("read", "write", "empty", "remove", "link", "move")]
    uses += [(how, run / "shown" / "x") for how in ("write", "empty", "remove", "link", "move")]
    uses += [("write", run / name) for name in ("new", "sealed/new", "shown/new")]
    *results, _ = _tried(_seal(run), uses)
    assert set(results) == {"refused"}
    assert {path.read_text() for path in (*secrets, run / "shown" / "x")} == {"secret"}
    assert not [path for path in run.rglob("new*") if path.exists()]


@needs_landlock
def test_a_launched_process_can_do_its_work(run: Path, tmp_path: Path) -> None:
    """What it is left, files elsewhere, and a folder for temporary files where the usual one is above the run."""
    mine, elsewhere = run / "mine", Path(os.__file__)
    uses = [
        ("read", run / "shown" / "x"),
        ("read", mine / "x"),
        ("write", mine / "new"),
        ("remove", mine / "x"),
        ("read", tmp_path / "task.py"),
        ("read", elsewhere),
        ("write", Path("/dev/null")),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path))
        *results, temporary = _tried(_seal(run), uses)
    assert results == ["done"] * len(uses)
    assert temporary == str(run / "temporary")


@needs_landlock
def test_other_processes_stay_closed_too(run: Path) -> None:
    """The secrets of another process of the same user are in its environment and its memory, and its files open there."""
    ours = Path("/proc") / str(os.getpid())
    assert (ours / "environ").read_bytes()
    uses = [("read", ours / "environ"), ("read", ours / "mem"), ("read", ours / "root" / run / "tokens.json")]
    *results, _ = _tried(_seal(run), uses)
    assert results == ["refused"] * len(uses)


@needs_landlock
def test_links_open_nothing(run: Path, tmp_path: Path) -> None:
    """Neither one that leads to the run from beside it nor one through which the run is named."""
    (run.parent / "latest").symlink_to(run)
    (tmp_path / "by-link").symlink_to(run.parent)
    seal = _seal(tmp_path / "by-link" / "this")
    secret = [tmp_path / "by-link/this/sealed/x", run.parent / "latest/sealed/x", run / "sealed/x"]
    *results, _ = _tried(seal, [("read", path) for path in secret] + [("read", run / "shown" / "x")])
    assert results == ["refused", "refused", "refused", "done"]


def test_where_it_can_not_be_held_the_process_goes_on_and_says_so(run: Path) -> None:
    """A folder that isn't there is one reason; the line is one that a run shows."""
    seal = _seal(run)._replace(closed=(str(run / "gone"),))
    command = launch_command([sys.executable, "-ISc", "print('goes on')"], seal=seal.as_text())
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "goes on\n"
    assert "all files of the run are open to it" in json.loads(done.stderr)["notice"]
    assert not (run / "gone").exists()
