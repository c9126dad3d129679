"""The trial of an environment as whoever starts a run meets it: in a process of its own."""

from __future__ import annotations

import pytest

from somersault.cli.start.environment_trial import try_environment
from somersault.errors import InvalidInputError

pytestmark = pytest.mark.usefixtures("importable_tests")


async def _say_nothing_of(task: str, *, longest_s: float = 30.0) -> list[str]:
    said: list[str] = []
    await try_environment(f"tests.odd_environments:Odd/{task}-v0", say=said.append, longest_s=longest_s)
    return said


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("EndsTheProcess", r"Odd/EndsTheProcess-v0 ended the process \(exit code 7\) in step, at step 3$"),
        (
            "Crashes",
            r"Odd/Crashes-v0 ended the process \(SIGSEGV\) in step, at step 3; its last words: Seg.* in ",
        ),
        ("NanReward", r"Odd/NanReward-v0 returned nan as reward, must be a finite number, at step 3$"),
    ],
)
async def test_an_environment_that_fails_is_refused(task: str, told: str) -> None:
    """Whatever it does to the process."""
    with pytest.raises(InvalidInputError, match=told):
        await _say_nothing_of(task)


async def test_one_that_does_not_return_is_told_of_and_left_untried() -> None:
    """It may be slow, not broken."""
    (said,) = await _say_nothing_of("Hangs", longest_s=4.0)
    assert said.endswith(
        "was not tried to the end: no answer to step, at step 3 after 4 s; the run begins anyway"
    )


async def test_our_own_tasks_are_not_tried() -> None:
    """Nor is time spent on it."""
    await try_environment("hopper", say=pytest.fail, longest_s=0.0)
