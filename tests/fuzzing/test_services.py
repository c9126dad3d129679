"""A short look at what `python -m tests.fuzzing` does for ten minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzzing.fuzzer import fuzz
from tests.fuzzing.opening import NAMES, open_fuzzer


@pytest.mark.parametrize("name", NAMES)
def test_whatever_comes_is_answered_in_plain_words(tmp_path: Path, name: str) -> None:
    """Never INTERNAL or UNKNOWN, never a word of the inside; the service lives, and the next call is fine."""
    fuzzer = open_fuzzer(name, tmp_path)
    try:
        fuzz(fuzzer, seed=1, max_examples=10)
    finally:
        fuzzer.close()
