"""What `make audit` says of the advisory database's answer: silence is never taken for safety."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

_PATH = Path(__file__).resolve().parents[2] / "tools/audit.py"


def _judge(packages: list[dict[str, Any]]) -> tuple[list[str], int]:
    spec = importlib.util.spec_from_file_location("audit", _PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.judge(packages)


def test_a_database_that_is_away_is_no_good_news() -> None:
    """Neither an empty answer nor one that skipped everything."""
    for packages in ([], [{"name": "a", "skip_reason": "not found"}]):
        lines, code = _judge(packages)
        assert (len(lines), code) == (1, 2)
        assert "nothing was found out" in lines[0]


def test_a_known_vulnerability_is_named_with_its_cure() -> None:
    """And what wasn't looked up is said."""
    packages = [
        {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]},
        {"name": "b", "version": "2", "vulns": []},
        {"name": "c", "skip_reason": "not found"},
    ]
    lines, code = _judge(packages)
    assert code == 1
    assert lines[0] == "a 1: PYSEC-1, fixed in 1.1"
    assert lines[1:] == ["2 releases were looked up, 1 vulnerabilities are known", "not looked up: c"]


def test_no_known_vulnerability_is_good_news() -> None:
    """Exit code 0."""
    assert _judge([{"name": "b", "version": "2", "vulns": []}])[1] == 0
