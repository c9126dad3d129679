"""What a task says about its environment: one class for each way of simulating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["AtariEnvironment", "Camera", "GymnasiumEnvironment", "MujocoEnvironment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Where clips are rendered from. It never moves up or down, so that a jump looks like a jump."""

    body: str
    """Name of the root body whose centre of mass, limbs included, is followed."""
    follows: str = "x"
    """Along which axes of the floor it is followed: "x", "xy", or "" for a fixed camera."""
    height_m: float
    """Height of the point looked at."""
    distance_m: float
    """Distance from the point looked at."""
    azimuth_deg: float = 90.0
    """Direction of view in degrees; 90 looks along +y, so that forward (+x) is to the right."""
    elevation_deg: float = -8.0
    """Angle of view; negative looks down, which makes the marks on the floor visible, -90 straight down."""
    field_of_view_deg: float = 45.0
    """Vertical field of view; the same for both cameras of a task."""

    def __post_init__(self) -> None:
        """Check the axes.

        Raises:
            ValueError: ``follows`` is something else.
        """
        if self.follows not in {"", "x", "xy"}:
            raise ValueError(f'follows is {self.follows!r}, must be "x", "xy" or ""')


@dataclass(frozen=True, slots=True, kw_only=True)
class MujocoEnvironment:
    """A MuJoCo model, stepped as one of Gymnasium's v5 environments steps it."""

    environment_id: str
    """Gymnasium id of the environment whose dynamics and observation this is."""
    model_file: str
    """MuJoCo model, a file among the assets of the ``gymnasium`` package."""
    frame_skip: int
    """Physics steps for each environment step, with the control held."""
    num_hidden_positions: int = 0
    """The number of leading position coordinates that are left out of the observation."""
    velocity_bound: float | None = None
    """The absolute value to which velocities in the observation are clipped; None for no clipping."""
    observation: Literal["coordinates", "reacher", "double-pendulum"] = "coordinates"
    """Coordinates: positions, then velocities. The other two: as Gymnasium's environment of that name has it."""
    start: Literal["uniform", "normal-velocities", "reacher"] = "uniform"
    """Noise at the start of an episode, around rest: uniform on positions and velocities; uniform on positions and
    normal on velocities; or as Gymnasium's Reacher draws arm and goal."""
    start_noise: float
    """Half-width of the uniform noise, and standard deviation of the normal noise, at the start of an episode."""
    camera: Camera
    """Where clips are rendered from."""
    second_camera: Camera | None = None
    """A second view, small in a corner, if one alone could mislead a labeler; else None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtariEnvironment:
    """A game of the Arcade Learning Environment, played on through lost lives and games."""

    game: str
    """Name of the ROM among those of ``ale_py``, such as "pong"."""
    score_rows: tuple[tuple[int, int], ...]
    """Rows of the 210 x 160 screen that everyone but labelers sees blanked, because they show score and lives: the first
    row and the row after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GymnasiumEnvironment:
    """Any environment of Gymnasium's registry that renders itself as ``rgb_array``."""

    environment_id: str
    """Gymnasium id, such as "CartPole-v1"; "module:Id-v0" imports the module first."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments for ``gymnasium.make``."""
    action_limit: float = 10.0
    """Takes the place of a bound that an action space lacks: a component without bounds extends from minus this to this, one
    with a single bound twice as far from that bound (docs/tasks.md)."""

    def __post_init__(self) -> None:
        """Check the limit.

        Raises:
            ValueError: it isn't a positive number.
        """
        if not 0 < self.action_limit < float("inf"):
            raise ValueError(f"action_limit is {self.action_limit}, must be positive and finite")
