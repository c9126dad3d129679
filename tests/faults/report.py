"""What a campaign's history shows: a line for each class, how soon services came back, and where processes were killed."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from somersault.runtime.failpoints import POINTS

__all__ = ["report_of", "table_of", "unreached"]

_Rows = Sequence[dict[str, Any]]


def report_of(rows: _Rows) -> str:
    """Return everything."""
    parts = (table_of(rows), "\n".join(_restarts(rows)), "\n".join(_points(rows)))
    return "\n\n".join(part for part in parts if part)


def table_of(rows: _Rows) -> str:
    """Return what a history shows, a line for each class."""
    lines = [
        "class                  trials  faults   kills  answers  broken  ready p99  healed p99  answer max"
    ]
    for name in sorted({row["class"] for row in rows}):
        some = [row for row in rows if row["class"] == name]
        lines.append(_line(name, some))
    lines.append(_line("all", rows))
    lines += [
        f"{row['class']} seed {row['seed']}: {'; '.join(row['problems'])}" for row in rows if row["problems"]
    ]
    return "\n".join(lines)


def _line(name: str, rows: _Rows) -> str:
    counts = Counter({key: _sum(rows, key) for key in ("faults", "kills", "answers")})
    broken = sum(bool(row["problems"]) for row in rows)
    ready, healed, answers = (_high(rows, key, 0.99) for key in ("ready_s", "healed_s", "answer_s"))
    longest = max((row["answer_s"][-1] for row in rows if row["answer_s"]), default=None)
    return (
        f"{name:<22} {len(rows):>6} {counts['faults']:>7} {counts['kills']:>7} {counts['answers']:>8} {broken:>7}"
        f" {_seconds(ready):>10} {_seconds(healed):>11} {_seconds(longest if answers is not None else None):>11}"
    )


def _sum(rows: _Rows, key: str) -> int:
    return sum(int(row[key]) for row in rows)


def _high(rows: _Rows, key: str, share: float) -> float | None:
    values = sorted(value for row in rows for value in row[key])
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def unreached(rows: _Rows) -> list[str]:
    """Return the failpoints that no trial on a whole run passed."""
    return sorted(POINTS.keys() - {point for row in rows for point in row.get("reached", ())})


def _restarts(rows: _Rows) -> Iterator[str]:
    """Yield how long killed services of whole runs took to serve, and the medians of what that consists of."""
    restarts = [restart for row in rows for restart in row.get("restarts", ())]
    if restarts:
        yield "killed service          kills     p50     p99     max  of which waited, imported, recovered (medians)"
    for name in sorted({service for service, *_ in restarts}):
        parts = [seconds for service, *seconds in restarts if service == name]
        whole = sorted(map(sum, parts))
        high = whole[min(len(whole) - 1, int(0.99 * len(whole)))]
        medians = ", ".join(_seconds(statistics.median(some)) for some in zip(*parts, strict=True))
        yield (
            f"{name:<22} {len(parts):>6} {_seconds(statistics.median(whole)):>7} {_seconds(high):>7}"
            f" {_seconds(whole[-1]):>7}  {medians}"
        )
    resumed = sorted(value for row in rows for value in row.get("resumed_s", ()))
    if resumed:
        median, longest = _seconds(statistics.median(resumed)), _seconds(resumed[-1])
        yield f"the command, resumed   {len(resumed):>6} {median:>7} {'':>7} {longest:>7}"
    lost = [value for row in rows for value in row["lost_s"]]
    if lost:
        yield f"learning lost by a kill of the learner: {len(lost)} kills, at most {max(lost):.1f} s"


def _points(rows: _Rows) -> Iterator[str]:
    """Yield at which failpoints of whole runs processes were killed, and which were never passed."""
    killed = Counter(point for row in rows for point in row.get("killed_at", ()))
    if killed:
        yield f"killed at {len(killed)} of {len(POINTS)} failpoints: " + ", ".join(
            f"{point} {number}" for point, number in sorted(killed.items())
        )
    if any("reached" in row for row in rows):
        yield f"never reached by a whole run: {', '.join(unreached(rows)) or 'none'}"
