"""Runs the examples of docs/python.md on a real run."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import somersault
from tests.docs.documents import ROOT, code_spans, read

DOCUMENT = ROOT / "docs/python.md"
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


def test_examples_give_what_the_page_says(real_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after another, as a reader would type them."""
    monkeypatch.chdir(real_run.parents[1])
    blocks = re.findall(
        r"^```pycon\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "python.md", str(DOCUMENT), 0)
    printed: list[str] = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(examples, out=printed.append)
    assert result.attempted > 25
    assert result.failed == 0, "".join(printed)


def test_every_public_name_is_on_the_page() -> None:
    """And can be had."""
    spans = " ".join(code_spans(read(DOCUMENT).prose)) + DOCUMENT.read_text(encoding="utf-8")
    for name in somersault.__all__:
        assert getattr(somersault, name) is not None
        assert name in {"Policy", "RewardModel", "Run"} or name in spans


def test_importing_takes_nothing_along() -> None:
    """Numpy, gRPC and the rest come when a name is used."""
    script = (
        "import sys; before = set(sys.modules); import somersault; "
        "print([m for m in set(sys.modules) - before if not m.startswith('somersault')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    heavy = {"numpy", "grpc", "torch", "gymnasium", "pydantic", "safetensors", "pandas"}
    assert not heavy & set(re.findall(r"\w+", done.stdout))
