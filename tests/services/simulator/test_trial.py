"""A task's environment is tried before a run begins."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from services.simulator.trial import WARNING, try_environment
from somersault.errors import InvalidInputError, SomersaultError
from somersault.tasks import get_task
from tests import odd_environments
from tests.odd_environments import Plain
from tests.synthetic_environments import SPACES, name_of


@pytest.mark.parametrize("kind", odd_environments.WORKING, ids=lambda kind: kind.__name__)
def test_what_is_odd_but_clear_is_taken(kind: type[Plain]) -> None:
    """Lists, float64, numpy's numbers, early ends, pictures of changing size: a run can be made of it."""
    try_environment(get_task(odd_environments.id_of(kind)))


@pytest.mark.parametrize("kind", odd_environments.REFUSED, ids=lambda kind: kind.__name__)
def test_what_no_run_can_be_made_of_is_refused_in_one_line(kind: type[Plain]) -> None:
    """It names the environment and says what is wrong."""
    name = odd_environments.id_of(kind)
    with pytest.raises(SomersaultError) as refused:
        try_environment(get_task(name))
    text = str(refused.value)
    assert name in text
    assert odd_environments.REFUSED[kind] in text
    assert "\n" not in text


def test_what_an_environment_raises_is_told_with_its_place() -> None:
    """In its own file, not in a library between."""
    with pytest.raises(SomersaultError, match=r"odd_environments\.py:\d+\)$"):
        try_environment(get_task(odd_environments.id_of(odd_environments.RaisesInStep)))


def test_an_environment_that_is_not_deterministic_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is refused: real machines are so."""
    try_environment(get_task(odd_environments.id_of(odd_environments.AnotherEachTime)))
    assert "warning: environment Odd/AnotherEachTime-v0 is not deterministic" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (
            "return np.full(steps.actions.shape[:-1], np.nan)",
            "returned nan as reward, must be a finite number",
        ),
        ("return np.zeros(3)", r"returned an array of shape \(3,\), must be \(32, 2\)"),
        ("return 1.0", r"returned an array of shape \(\), must be \(32, 2\)"),
        ("raise KeyError('speed')", r"raised KeyError: 'speed' \(.*reward\.py:4\)"),
    ],
)
def test_a_true_reward_of_ones_own_that_fails_is_named(tmp_path: Path, function: str, told: str) -> None:
    """Once for a rollout, with its file."""
    (tmp_path / "reward.py").write_text(f"import numpy as np\n\ndef paid(steps):\n    {function}\n")
    (tmp_path / "task.py").write_text(
        "import dataclasses\nfrom somersault.tasks import get_task\n"
        "TASK = dataclasses.replace(get_task('pendulum'), name='mine', teacher_source='reward.py:paid')\n"
    )
    with pytest.raises(SomersaultError, match=told):
        try_environment(get_task(str(tmp_path / "task.py")))


@pytest.mark.parametrize("kind", SPACES)
def test_every_kind_of_space_is_tried_as_a_policy_acts_in_it(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is wrong with any; of bounds that were chosen, and of nothing else, something is said."""
    try_environment(get_task(name_of(kind)))
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith(WARNING)]
    assert bool(told) == (kind in ("Unbounded", "HalfBounded"))


def test_a_task_that_declares_other_actions_than_its_environment_has_is_refused() -> None:
    """Before a run: by the space's name and what was declared."""
    task = dataclasses.replace(get_task(name_of("Bits")), choice_sizes=(2, 3))
    with pytest.raises(
        InvalidInputError, match=r"MultiBinary\(4\), must be as the task declares it.*\(2, 3\)"
    ):
        try_environment(task)
