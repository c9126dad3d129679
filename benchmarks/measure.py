"""How speeds are compared: in turns within one run, by medians, as ratios, since machines are noisy."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence

__all__ = ["compare", "describe_machine", "print_table"]


def compare(contestants: Mapping[str, Callable[[], float]], *, num_rounds: int) -> dict[str, list[float]]:
    """Measure each contestant once a round, in turns, so that a slow minute hits all of them.

    Args:
        contestants: name to what measures it and gives a speed.
        num_rounds: how often each is measured.
    """
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(num_rounds):
        for name, measure in contestants.items():
            speeds[name].append(measure())
            print(f"  round {number + 1}/{num_rounds}: {name}: {speeds[name][-1]:,.0f}", flush=True)
    return speeds


def print_table(title: str, speeds: Mapping[str, Sequence[float]], *, unit: str, base: str) -> None:
    """Print medians, spreads, and each round's ratio to ``base`` as a median."""
    print(f"\n{title}\n\n| what | {unit}, median (lowest to highest) | beside {base} |\n| --- | --- | --- |")
    for name, values in speeds.items():
        ratios = [value / other for value, other in zip(values, speeds[base], strict=True)]
        spread = f"{statistics.median(values):,.0f} ({min(values):,.0f} to {max(values):,.0f})"
        print(f"| {name} | {spread} | {statistics.median(ratios):.2f} |")
    print(flush=True)


def describe_machine() -> str:
    """Return commit, cores, processor and Python in one line."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return (
        f"commit {commit or 'unknown'}, {os.cpu_count()} cores, {model}, Python {platform.python_version()}"
    )
