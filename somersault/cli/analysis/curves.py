"""The curves that can be drawn of a run, and the axes to draw them over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from somersault.errors import InvalidInputError
from somersault.runs import Run, distinct_names

__all__ = ["AXES", "CURVES", "Curve", "default_curves", "read_curves"]

CURVES = {
    "return": ("episode/true_return_mean", "true return"),
    "flips": ("episode/flips_mean", "flips an episode"),
    "landed-flips": ("episode/landed_flips_mean", "landed flips an episode"),
    "predicted-reward": ("reward/predicted_reward_mean", "predicted reward"),
    "accuracy": ("reward/preference_accuracy", "answers predicted"),
    "training-loss": ("reward/training_loss", "loss of the reward model (nats)"),
    "labels": ("run/labels", "answers"),
    "speed": ("run/env_steps_per_s", "steps/s"),
    "entropy": ("learner/entropy", "entropy of the policy"),
    "value-loss": ("learner/value_loss", "value loss"),
}
"""Name to its key in ``progress.jsonl`` and its title."""

AXES = {
    "steps": ("run/env_steps", "environment steps"),
    "labels": ("run/labels", "answers"),
    "time": ("wall_s", "minutes of training"),
}
"""Name to its key in ``progress.jsonl`` and its title."""

_SECONDS_A_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve of one run."""

    run: str
    """The run's name."""
    name: str
    """One of `CURVES`."""
    places: list[float]
    values: list[float]


def default_curves(runs: Sequence[Run]) -> list[str]:
    """Return the names of the curves that these runs have, the true return first."""
    points = [point for run in runs for point in run.points[-1:]]
    wanted = ("return", "flips", "predicted-reward", "accuracy")
    return [name for name in wanted if any(CURVES[name][0] in point for point in points)]


def read_curves(
    runs: Sequence[Run], names: Sequence[str], *, axis: str, smoothing: float = 0.0
) -> list[Curve]:
    """Read curves, run by run for each name; runs that lack a curve are skipped.

    Args:
        runs: The runs.
        names: Names in `CURVES`.
        axis: A name in `AXES`.
        smoothing: Share of the previous smoothed value in each point, 0 to under 1.

    Raises:
        InvalidInputError: a curve or the axis is unknown, or smoothing is out of bounds.
    """
    for name in names:
        if name not in CURVES:
            raise InvalidInputError("--curve", name, f"one of {', '.join(CURVES)}")
    if axis not in AXES:
        raise InvalidInputError("--by", axis, f"one of {', '.join(AXES)}")
    if not 0 <= smoothing < 1:
        raise InvalidInputError("--smooth", smoothing, "0 to under 1")
    points = {run.path: run.points for run in runs}
    labels = distinct_names(runs)
    curves = []
    for name in names:
        for run, label in zip(runs, labels, strict=True):
            places, values = _values(points[run.path], key=CURVES[name][0], axis=axis)
            if values:
                curves.append(Curve(label, name, places, _smooth(values, smoothing)))
    return curves


def _values(points: Sequence[dict[str, float]], *, key: str, axis: str) -> tuple[list[float], list[float]]:
    place = AXES[axis][0]
    divisor = _SECONDS_A_MINUTE if axis == "time" else 1.0
    # Of several points at one place the newest counts: a run that waits makes no steps.
    told = {point[place] / divisor: float(point[key]) for point in points if key in point and place in point}
    return list(told), list(told.values())


def _smooth(values: Sequence[float], share: float) -> list[float]:
    """Return the exponential moving mean up to and including each point."""
    smoothed, weight, total = [], 0.0, 0.0
    for value in values:
        total, weight = share * total + (1 - share) * value, share * weight + (1 - share)
        smoothed.append(total / weight)
    return smoothed
