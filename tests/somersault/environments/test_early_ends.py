"""How long episodes are, asked of a process of its own."""

from __future__ import annotations

import pytest

from somersault.environments.early_ends import ask_for_early_ends

pytestmark = pytest.mark.usefixtures("importable_tests")


def test_who_asks_outlives_an_environment_that_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that raises; how a run takes it is for the run to say."""
    monkeypatch.setenv("ODD_AT", "30")
    for kind in ("EndsTheProcess", "RaisesInStep"):
        assert ask_for_early_ends(f"tests.odd_environments:Odd/{kind}-v0") is None


def test_episodes_that_end_early_are_measured() -> None:
    """One step each."""
    assert ask_for_early_ends("tests.odd_environments:Odd/EarlyEnds-v0") == 1.0
