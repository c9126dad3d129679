"""Teachers that are functions of a user's."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

from services.teacher import custom_function
from services.teacher.custom_function import CustomFunction, FunctionFailedError
from somersault.domain.feedback import Preference
from somersault.errors import InvalidInputError
from somersault.runtime import telemetry
from tests.services.teacher.sealing import part


def write(folder: Path, text: str) -> str:
    """Write functions and return their file."""
    path = folder / "own.py"
    path.write_text(textwrap.dedent(text))
    return str(path)


def ask(reference: str, *, seed: int = 0) -> Preference:
    """The function's answer for rewards of 1, 2 against 4, 8."""
    return CustomFunction(reference)(part(1, 2), part(4, 8), np.random.default_rng(seed))


def test_it_sees_the_rewards_and_may_draw(tmp_path: Path) -> None:
    """Float32 arrays of both sides, and a generator that the seed determines."""
    path = write(
        tmp_path,
        """
        def answer(left, right, rng):
            assert (str(left.dtype), left.tolist(), right.tolist()) == ("float32", [1, 2], [4, 8])
            return "left" if rng.random() < 0.5 else "right"
        """,
    )
    expected = [np.random.default_rng(seed).random() < 0.5 for seed in range(8)]
    assert [ask(f"{path}:answer", seed=seed) is Preference.LEFT for seed in range(8)] == expected


@pytest.mark.parametrize("preference", list(Preference))
def test_each_answer_may_be_given(tmp_path: Path, preference: Preference) -> None:
    """The four words."""
    assert ask(write(tmp_path, f"def f(l, r, rng): return '{preference}'") + ":f") is preference


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise ValueError('no idea')", "own.py:f raised ValueError: no idea"),
        ("return 'Left'", "own.py:f gave 'Left', must be one of left, right, equal, incomparable"),
        ("return None", "own.py:f gave None, must be one of"),
        ("raise SystemExit(0)", "own.py:f raised SystemExit: 0"),
        ("return l > r", r"own.py:f gave array\(\[False, False\]\), must be one of"),
    ],
)
def test_a_failure_is_told_with_the_functions_name(tmp_path: Path, text: str, told: str) -> None:
    """An exception, and whatever is no answer."""
    with pytest.raises(FunctionFailedError, match=told):
        ask(write(tmp_path, f"def f(l, r, rng): {text}") + ":f")


def test_a_function_of_other_arguments_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is asked."""
    with pytest.raises(InvalidInputError, match="left_true_rewards, right_true_rewards, rng"):
        CustomFunction(write(tmp_path, "def f(segment): return 'left'") + ":f")


@pytest.mark.parametrize(("pause_s", "num_told"), [(0.5, 1), (0.0, 0)])
def test_one_that_does_not_return_is_told_of_once_a_call(
    pause_s: float, num_told: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that waits for its answers for ever says whom it waits for."""
    told: list[str] = []
    monkeypatch.setattr(custom_function, "_HANG_S", 0.1)
    monkeypatch.setattr(telemetry, "tell_owner", told.append)
    path = write(
        tmp_path,
        f"""
        import time

        def answer(left, right, rng):
            time.sleep({pause_s})
            return "left"
        """,
    )
    ask(f"{path}:answer")
    assert len(told) == num_told
    assert all(words.startswith(f"teacher {path}:answer has not returned for 0 s") for words in told)
