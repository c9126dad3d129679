"""A run's curves, as ``progress.jsonl`` holds them: one JSON object per point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from somersault.errors import InvalidInputError
from somersault.formats.strict_json import load_json

__all__ = ["CURVE_NAMES", "curve_of", "read_newest_point", "read_points"]

CURVE_NAMES = (
    "run/env_steps",
    "run/env_steps_per_s",
    "run/labels",
    "run/labels_due",
    "run/policy_version",
    "run/reward_version",
    "episode/true_return_mean",
    "episode/flips_mean",
    "episode/landed_flips_mean",
    "reward/predicted_reward_mean",
    "reward/preference_accuracy",
    "reward/num_accuracy_preferences",
    "reward/training_loss",
)
"""The curves that every run may have; those of its algorithm, ``learner/...``, come on top."""

_TAIL_BYTES = 64 * 1024  # holds dozens of points: the newest whole one is among them

Point = dict[str, Any]


def read_points(path: Path) -> list[Point]:
    """Read all complete points, oldest first; steps only ever grow.

    A run that was killed loses the steps since its checkpoint and repeats them after a resume: for steps made twice, the
    later points count.
    """
    kept: list[Point] = []
    for point in _points(path.read_bytes() if path.is_file() else b""):
        steps = point.get("run/env_steps", 0)
        if not steps and kept:
            continue  # resumed, but its learner hasn't reported yet
        while kept and kept[-1].get("run/env_steps", 0) > steps:
            kept.pop()
        kept.append(point)
    return kept


def read_newest_point(path: Path) -> Point:
    """Read the newest complete point, an empty one if there is none; as fast for a long run as for a short one."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(0, end - _TAIL_BYTES))
            tail = file.read()
    except OSError:
        return {}
    points = list(_points(tail))
    told = [point for point in points if point.get("run/env_steps")]
    return (told or points or [{}])[-1]


def curve_of(points: Sequence[Point], name: str) -> tuple[list[int], list[float]]:
    """Return environment steps and values of the points that have a value; both are empty before the curve begins.

    Raises:
        InvalidInputError: there is no curve of that name.
    """
    told = [point for point in points if isinstance(point.get(name), int | float)]
    if not told and name not in CURVE_NAMES:
        numbers = {key for point in points for key, value in point.items() if isinstance(value, int | float)}
        raise InvalidInputError("curve", name, f"one of {', '.join(sorted(numbers.union(CURVE_NAMES)))}")
    return [int(point["run/env_steps"]) for point in told], [float(point[name]) for point in told]


def _points(data: bytes) -> Iterator[Point]:
    for line in data.decode("utf-8", errors="replace").splitlines():
        try:
            point = load_json(line)
        except ValueError:  # cut off when the process was killed, or while we read
            continue
        if isinstance(point, dict):
            yield point
