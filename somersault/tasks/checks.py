"""Refuses a task with which no service could work, before anything of a run is created."""

from __future__ import annotations

import math

from somersault.domain.bounds import MAX_ENVIRONMENTS, MAX_LABELS, MAX_STEPS
from somersault.domain.texts import MAX_QUESTION, check_guidelines, check_task_name, check_text
from somersault.errors import InvalidInputError
from somersault.tasks.guidelines import guidelines_of
from somersault.tasks.task import MAX_EPISODE_STEPS, Task

__all__ = ["check_task"]

_MAX_TITLE = 200  # characters
_MAX_STEP_S = 60.0
_MAX_NUMBERS = 1 << 20  # of a frame, and of an action
_MAX_CLIP_STEP = 1000
_CLIP_PX = (64, 1024)


def check_task(task: Task) -> None:
    """Check a task's texts and numbers.

    Raises:
        InvalidInputError: one is invalid; the message names the task, the field, its value and its bounds.
    """
    try:
        _check_texts(task)
        _check_numbers(task)
    except InvalidInputError as error:
        raise InvalidInputError(f"task {task.name[:80]!r}: {error}") from error


def _check_texts(task: Task) -> None:
    check_task_name("name", task.name)
    check_text("title", task.title, least=1, most=_MAX_TITLE)
    check_text("question", task.question, least=1, most=MAX_QUESTION, has_lines=True)
    guidelines = guidelines_of(task)
    if guidelines:
        check_guidelines("description", guidelines)


def _check_numbers(task: Task) -> None:
    defaults = task.defaults
    _check_real("step_s", task.step_s, least=1e-6, most=_MAX_STEP_S)
    _check_real("segment_s", task.segment_s, least=1e-6, most=MAX_EPISODE_STEPS * _MAX_STEP_S)
    _check_real("still_s", task.still_s, least=0, most=MAX_EPISODE_STEPS * _MAX_STEP_S)
    for name, value, least, most in (
        ("episode_steps", task.episode_steps, 1, MAX_STEPS),
        ("segment_steps", task.segment_steps, 1, MAX_EPISODE_STEPS),
        ("still_steps", task.still_steps, 0, MAX_EPISODE_STEPS),
        ("numbers of a frame", math.prod(task.frame_shape), 1, _MAX_NUMBERS),
        ("num_frames", task.num_frames, 1, 16),
        ("action_dim", task.action_dim, 0, _MAX_NUMBERS),
        ("num_actions", task.num_actions, 0, _MAX_NUMBERS),
        ("clip_step", task.clip_step, 1, _MAX_CLIP_STEP),
        ("clip_size_px", task.clip_size_px, *_CLIP_PX),
        ("defaults.num_environments", defaults.num_environments, 1, MAX_ENVIRONMENTS),
        ("defaults.evaluation_episodes", defaults.evaluation_episodes, 1, 256),
        ("defaults.labels_by_teacher", defaults.labels_by_teacher, 1, MAX_LABELS),
        ("defaults.labels_by_people", defaults.labels_by_people, 1, MAX_LABELS),
        ("defaults.steps_by_teacher", defaults.steps_by_teacher, 1, MAX_STEPS),
        ("defaults.steps_by_people", defaults.steps_by_people, 1, MAX_STEPS),
        ("defaults.steps_of_reference", defaults.steps_of_reference, 1, MAX_STEPS),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidInputError(name, value, f"a whole number, {least:,} to {most:,}")
    if task.segment_steps > task.episode_steps + task.still_steps:
        bound = f"at most the {task.episode_steps:,} steps of an episode: a segment lies within one"
        raise InvalidInputError("segment_steps", task.segment_steps, bound)


def _check_real(field: str, value: float, *, least: float, most: float) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # not a number, too
        raise InvalidInputError(field, value, f"a number, {least:g} to {most:g}")
