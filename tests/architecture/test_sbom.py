"""The bill of materials names exactly what is locked, with each file's digest, and is the same each time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = [(ROOT / "requirements" / name).read_text(encoding="utf-8") for name in ("lock.txt", "torch.txt")]


def _make(out: Path) -> bytes:
    subprocess.run([sys.executable, ROOT / "tools/sbom.py", out], check=True, capture_output=True)
    return out.read_bytes()


def test_every_locked_release_is_in_the_bill(tmp_path: Path) -> None:
    """By name and version, with all its digests; nothing else is."""
    bill = json.loads(_make(tmp_path / "a.json"))
    locked = {found for lock in LOCKS for found in re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE)}
    assert {(one["name"], one["version"]) for one in bill["components"]} == locked
    assert len(locked) > 100
    digests = sorted(found for lock in LOCKS for found in re.findall(r"sha256:([0-9a-f]{64})", lock))
    assert sorted(each["content"] for one in bill["components"] for each in one["hashes"]) == digests
    assert len({one["bom-ref"] for one in bill["components"]}) == len(bill["components"])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")


def test_the_same_lock_gives_the_same_bytes(tmp_path: Path) -> None:
    """Who builds it again can compare."""
    assert _make(tmp_path / "a.json") == _make(tmp_path / "b.json")
