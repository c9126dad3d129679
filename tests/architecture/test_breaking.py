"""Holds the protos to what was released: programs that were built against it must go on working."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASED = "protos/released/v1.binpb"
CHECK = ("tools/buf.sh", "breaking", "protos", "--against", RELEASED)


def breaking(protos: Path | str) -> subprocess.CompletedProcess[str]:
    """Compare protos with the released ones as `make check` does."""
    command = [protos if part == "protos" else part for part in CHECK]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)


def test_protos_break_nobody_who_uses_the_released_ones() -> None:
    """The protos as they are can be used by programs of the last release."""
    compared = breaking("protos")
    assert (compared.returncode, compared.stdout) == (0, ""), compared.stdout + compared.stderr


def test_make_check_compares_with_the_released_ones() -> None:
    """Nobody has to think of it."""
    _, _, recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ncheck:")
    assert f"\t{' '.join(CHECK)}\n" in recipe.partition("\n\n")[0] + "\n"


@pytest.mark.parametrize(
    ("line", "becomes", "why"),
    [
        ("  int64 response_ms = 4;", "", 'with name "response_ms" on message "SubmitPreferenceRequest" was'),
        ("  string answer_id = 2;", "  string answer_id = 9;", '"SubmitPreferenceRequest" was deleted'),
        ("  int64 num_ready = 2;", "  string num_ready = 2;", "changed type"),
        (
            "  rpc WhoAmI(WhoAmIRequest) returns (WhoAmIResponse) {",
            "  rpc Who(WhoAmIRequest) returns (WhoAmIResponse) {",
            '"WhoAmI"',
        ),
    ],
)
def test_what_breaks_others_fails(tmp_path: Path, line: str, becomes: str, why: str) -> None:
    """A field that goes, moves or changes its type, and an rpc that goes, are each found."""
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    labeler = tmp_path / "protos/somersault/v1/labeler.proto"
    text = labeler.read_text(encoding="utf-8")
    assert line in text
    labeler.write_text(text.replace(line, becomes, 1), encoding="utf-8")

    compared = breaking(tmp_path / "protos")

    assert compared.returncode != 0
    assert why in compared.stdout
