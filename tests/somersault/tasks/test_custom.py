"""Tasks of one's own, by file and by entry point."""

from __future__ import annotations

import textwrap
from importlib import metadata
from pathlib import Path

import pytest

from somersault.errors import InvalidInputError
from somersault.tasks import get_task, list_tasks
from somersault.tasks.custom import load_function

EXAMPLE = Path(__file__).parents[3] / "examples" / "custom_task.py"


def write(folder: Path, text: str, *, name: str = "own.py") -> str:
    """Write a file and return its path."""
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def test_task_in_a_file_is_found_by_its_path() -> None:
    """The example's task is one, and says where its teacher is, wherever it is loaded from."""
    task = get_task(str(EXAMPLE))
    assert task.name == "hopper-high"
    assert task.teacher_source == f"{EXAMPLE.parent}/custom_task_teacher.py:true_reward"
    assert get_task(str(EXAMPLE)).spec == task.spec


def test_function_is_found_by_file_and_by_module(tmp_path: Path) -> None:
    """Both ways of naming a function lead to it."""
    assert load_function("math:floor")(2.5) == 2
    assert load_function(write(tmp_path, "def double(x): return 2 * x") + ":double")(2) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("TASK = 3", "TASK in .* is 3, must be a somersault.tasks.Task"),
        ("x = 1", "TASK in .* is None"),
        ("import nothing_of_that_name", "fails: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("def", "fails: SyntaxError"),
    ],
)
def test_file_without_a_task_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """The message names the file and what is wrong with it."""
    with pytest.raises(InvalidInputError, match=told):
        get_task(write(tmp_path, text))


def test_file_that_is_not_there_is_refused() -> None:
    """A mistyped path is no Gymnasium id."""
    with pytest.raises(InvalidInputError, match=r"nowhere\.py"):
        get_task("nowhere.py")


@pytest.mark.parametrize("reference", ["floor", "math:nothing", "no_such_module:x", "nowhere.py:x"])
def test_function_that_is_not_there_is_refused(reference: str) -> None:
    """Wherever the name leads nowhere."""
    with pytest.raises(InvalidInputError):
        load_function(reference)


def test_installed_package_brings_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point names them; they are listed and found like ours."""
    write(
        tmp_path,
        """
        import dataclasses
        from somersault.tasks import Task
        from somersault.tasks.mujoco.hopper import HOPPER_BACKFLIP
        TASK = dataclasses.replace(HOPPER_BACKFLIP, name="of-a-package")
        """,
        name="package_with_a_task.py",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [
        metadata.EntryPoint("of-a-package", "package_with_a_task:TASK", "somersault.tasks"),
        metadata.EntryPoint("of-another-name", "package_with_a_task:TASK", "somersault.tasks"),
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points[:1])  # noqa: ARG005
    assert get_task("of-a-package").name == "of-a-package"
    assert "of-a-package" in [task.name for task in list_tasks()]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points[1:])  # noqa: ARG005
    with pytest.raises(InvalidInputError, match="a Task named of-another-name"):
        get_task("of-another-name")
