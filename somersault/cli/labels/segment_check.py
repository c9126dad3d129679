"""Checks that a stored segment fits a task, so that it shows what the run's agent sees and does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy

from somersault.domain.actions import least_choice_of
from somersault.errors import CorruptDataError, InvalidInputError
from somersault.formats.safetensors import read_header
from somersault.tasks import Task

__all__ = ["check_segment"]


def check_segment(data: bytes, *, task: Task) -> None:
    """Check that a segment fits a task: the same name, spaces, length and speed.

    Raises:
        InvalidInputError: it doesn't; the text names everything that differs.
        CorruptDataError: it isn't a segment, or is damaged.
    """
    metadata = read_header(data, what="not a segment").read_json_metadata()
    try:
        arrays = safetensors.numpy.load(data)
        found = {name: arrays[name] for name in ("observations", "actions")}
    except (safetensors.SafetensorError, KeyError) as error:
        raise CorruptDataError(f"not a segment, or damaged: {error}") from error
    differing = [
        f"{name} is {value}, must be {wanted}"
        for name, value, wanted in _compared(found, metadata, task)
        if value != wanted
    ]
    if differing:
        raise InvalidInputError("; ".join(differing))
    if not all(np.isfinite(array).all() for array in found.values()):
        raise CorruptDataError("it holds a value that is not finite")
    least, actions = least_choice_of(task.spec), found["actions"]
    if task.spec.is_discrete and not least <= actions.min() <= actions.max() < task.spec.num_actions:
        bound = f"{least} to {task.spec.num_actions - 1}"
        raise InvalidInputError("its actions", f"{actions.min()} to {actions.max()}", bound)


def _compared(
    arrays: Mapping[str, np.ndarray[Any, Any]], metadata: Mapping[str, object], task: Task
) -> list[tuple[str, object, object]]:
    """Return what is compared: name, value found, value required."""
    spec = task.spec
    observations, actions = arrays["observations"], arrays["actions"]
    return [
        ("task", metadata.get("task"), task.name),
        ("seconds per step", metadata.get("step_s"), task.step_s),
        ("segment steps", len(actions), spec.segment_steps),
        ("frames", len(observations), len(actions) + spec.num_frames - 1),
        ("shape of a frame", observations.shape[1:], tuple(spec.frame_shape)),
        ("type of frames", str(observations.dtype), str(spec.frame_dtype)),
        ("shape of an action", actions.shape[1:], tuple(spec.action_shape)),
        ("type of actions", str(actions.dtype), str(spec.action_dtype)),
    ]
