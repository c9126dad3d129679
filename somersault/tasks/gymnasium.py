"""Makes a task of any Gymnasium environment, given its id: `somersault train CartPole-v1`.

Everything is read from the environment itself: its observations, its actions, its speed. Gymnasium is imported only when such
a task is used.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any

from somersault.errors import InvalidInputError, UnavailableError
from somersault.runtime.probes import settle_opengl
from somersault.tasks.environments import GymnasiumEnvironment
from somersault.tasks.gymnasium_guides import guide_of
from somersault.tasks.gymnasium_spaces.actions import ActionReading, read_actions
from somersault.tasks.gymnasium_spaces.observations import ObservationReading, read_observations
from somersault.tasks.practice import PACKAGED
from somersault.tasks.task import Task

__all__ = ["gymnasium_task", "open_gymnasium", "read_spaces", "uses_mujoco"]

_FPS = 30.0  # if an environment doesn't say
_MIN_FPS = 10.0  # turn-based games say 1 or 4, too slow for a clip of 1.5 s
_MAX_CLIP_FPS = 30.0
_SEGMENT_S = 1.5  # Christiano et al. 2017, appendix A.1; a segment lies within one episode
_EPISODE_STEPS = 1000  # if an environment has no limit


def gymnasium_task(environment_id: str) -> Task:
    """Return the task of an environment in Gymnasium's registry, "module:Id-v0" if a module registers it.

    Raises:
        InvalidInputError: There is no such environment, it can't render itself, or its spaces aren't supported.
        UnavailableError: A package that it needs is missing.
    """
    environment = GymnasiumEnvironment(environment_id=environment_id)
    opened = open_gymnasium(environment, has_rendering=False)
    try:
        return _describe(environment, opened)
    finally:
        opened.close()


def open_gymnasium(
    environment: GymnasiumEnvironment, *, episode_steps: int | None = None, has_rendering: bool = True
) -> Any:
    """Open a `gymnasium.Env` that renders itself as ``rgb_array``.

    Args:
        environment: Which environment, and how it is made.
        episode_steps: Steps after which an episode is truncated; None for the environment's own limit.
        has_rendering: Whether it will be asked for pictures; then it renders with a library that works without a screen.

    Raises:
        InvalidInputError: See `gymnasium_task`.
        UnavailableError: See `gymnasium_task`.
    """
    environment_id = environment.environment_id
    try:
        import gymnasium
    except ImportError as err:
        raise _missing(environment_id, err) from err
    try:
        opened = gymnasium.make(
            environment_id,
            max_episode_steps=episode_steps,
            render_mode="rgb_array",
            disable_env_checker=True,
            **environment.options,
        )
    except gymnasium.error.DependencyNotInstalled as err:
        raise _missing(environment_id, err) from err
    except (Exception, SystemExit) as err:  # whatever an environment raises when it is made
        raise InvalidInputError(
            f"can't make Gymnasium environment {environment_id!r}: {_reason(err)}"
        ) from err
    if "rgb_array" not in ((opened.metadata or {}).get("render_modes") or ()):
        opened.close()
        raise InvalidInputError("task", environment_id, "an environment that renders itself as rgb_array")
    if has_rendering and uses_mujoco():
        settle_opengl()
    return opened


def uses_mujoco() -> bool:
    """Return whether an environment that was opened here may render with MuJoCo."""
    return "mujoco" in sys.modules


def read_spaces(task: Task) -> tuple[ObservationReading, ActionReading]:
    """Return how the spaces of a task's environment are read; the environment is made for that.

    Raises:
        InvalidInputError: See `gymnasium_task`.
        UnavailableError: See `gymnasium_task`.
    """
    assert isinstance(task.environment, GymnasiumEnvironment)
    opened = open_gymnasium(task.environment, has_rendering=False)
    try:
        seen = read_observations(opened.observation_space, is_stacked=task.num_planes > 1)
        return seen, read_actions(opened.action_space, limit=task.environment.action_limit)
    finally:
        opened.close()


def _reason(err: BaseException) -> str:
    """Return why an environment can't be made, in one line, with the kind of error if it is the environment's own."""
    text = " ".join(str(err).split())
    is_plain = type(err).__module__.startswith("gymnasium") or isinstance(err, ImportError)
    return text if is_plain else f"{type(err).__name__}: {text}"


def _missing(environment_id: str, err: Exception) -> UnavailableError:
    """Return the error that says what to install."""
    return UnavailableError(
        f"{environment_id} can't be played: {err}; pip install 'somersault[gymnasium]'"
    ).never()


def _describe(environment: GymnasiumEnvironment, opened: Any) -> Task:
    """Return the task of an opened environment."""
    title = _title(environment.environment_id)
    guide = guide_of(environment.environment_id, title=title)
    episode_steps = (opened.spec and opened.spec.max_episode_steps) or _EPISODE_STEPS
    seen = read_observations(opened.observation_space, is_stacked=_is_stacked(opened))
    actions = read_actions(opened.action_space, limit=environment.action_limit)
    fps = max(float((opened.metadata or {}).get("render_fps") or _FPS), _MIN_FPS)
    return Task(
        name=environment.environment_id,
        title=title,
        question=guide.question,
        description=guide.description,
        teacher="what the environment itself pays",
        environment=environment,
        frame_shape=seen.frame_shape,
        num_frames=seen.num_frames,
        num_planes=seen.num_planes,
        num_numbers=seen.num_numbers,
        action_dim=actions.action_dim,
        num_actions=actions.num_actions,
        choice_sizes=actions.choice_sizes,
        step_s=1 / fps,
        episode_steps=episode_steps,
        clip_step=math.ceil(fps / _MAX_CLIP_FPS),
        segment_s=min(_SEGMENT_S, episode_steps / fps),
        practice=PACKAGED.get(environment.environment_id, ()),
        defaults=guide.defaults,
    )


def _title(environment_id: str) -> str:
    """Return the words of an id: "module:Lunar/LunarLander-v3" is called Lunar Lander."""
    name = re.split(r"[:/]", environment_id)[-1]
    words = re.sub(r"-v\d+$", "", name).replace("-", " ").replace("_", " ")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words)


def _is_stacked(opened: Any) -> bool:
    """Return whether an environment stacks its observations with Gymnasium's own wrapper."""
    from gymnasium import Wrapper
    from gymnasium.wrappers import FrameStackObservation

    while isinstance(opened, Wrapper):
        if isinstance(opened, FrameStackObservation):
            return True
        opened = opened.env
    return False
