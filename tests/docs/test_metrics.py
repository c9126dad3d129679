"""Holds docs/metrics.md to the metrics that the code declares."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.documents import ROOT, code_spans, read

KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram", "Summary": "summary"}
UNITS = {"counter": ("_total",), "histogram": ("_seconds", "_bytes", "_rollouts", "_versions")}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as both sides tell it."""

    name: str
    kind: str
    labels: frozenset[str]


def test_every_metric_is_described_and_every_description_is_of_one() -> None:
    """Name, type and labels are the same on both sides."""
    assert {metric.name: metric for metric in _described()} == {metric.name: metric for metric in _declared()}


def test_no_metric_is_declared_twice() -> None:
    """Two of one name would fail only when both modules are imported."""
    names = [metric.name for metric in _declared()]
    assert sorted(names) == sorted(set(names))


def test_names_say_service_and_unit() -> None:
    """somersault_<service>_<what>, with the unit its kind asks for."""
    for metric in _declared():
        assert re.fullmatch(
            r"somersault_(rpc|simulator|learner|reward|labeler|teacher|web)_[a-z0-9_]+", metric.name
        )
        assert metric.name.endswith(UNITS.get(metric.kind, ("",))), metric.name


def _described() -> Iterator[Metric]:
    for line in read(ROOT / "docs/metrics.md").text.splitlines():
        if line.startswith("| `somersault_"):
            name, kind, labels, *_ = (cell.strip() for cell in line.strip("|").split("|"))
            # A label may be followed by its values: `reason`: `stale`, `repeated`.
            kept = re.sub(r": (?:`[^`]+`(?:, )?)+", "", labels)
            yield Metric(code_spans(name)[0], kind, frozenset(code_spans(kept)))


def _declared() -> Iterator[Metric]:
    for folder in ("somersault", "services"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _kind(node.func):
                    yield _metric(node)


def _kind(function: ast.expr) -> str | None:
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return KINDS.get(function.attr) if function.value.id == "prometheus_client" else None
    return None


def _metric(call: ast.Call) -> Metric:
    name, labels = ast.literal_eval(call.args[0]), []
    if len(call.args) > 2:
        labels = ast.literal_eval(call.args[2])
    for keyword in call.keywords:
        if keyword.arg == "labelnames":
            labels = ast.literal_eval(keyword.value)
    return Metric(name, _kind(call.func) or "", frozenset(labels))
