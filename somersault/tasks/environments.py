"""What a task says of the environment it is played in; one kind for each way of simulating."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["AtariEnvironment", "Camera", "GymnasiumEnvironment", "MujocoEnvironment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """From where clips are rendered; it never goes up and down, so that a jump looks like a jump."""

    body: str
    """Name of the root body, whose centre of mass, limbs included, is followed."""
    follows: str = "x"
    """Along which axes of the floor it is followed: "x", "xy", or "" for a camera that stands still."""
    height_m: float
    """Height of the point looked at."""
    distance_m: float
    """Distance from the point looked at."""
    azimuth_deg: float = 90.0
    """Direction of view; 90 looks along +y, so that forward (+x) is to the right."""
    elevation_deg: float = -8.0
    """Angle of view; negative looks down, which makes the marks on the floor visible, -90 straight down."""
    field_of_view_deg: float = 45.0
    """Vertical angle of view, of both cameras of a task alike."""

    def __post_init__(self) -> None:
        """Check the axes.

        Raises:
            ValueError: ``follows`` is something else.
        """
        if self.follows not in {"", "x", "xy"}:
            raise ValueError(f'follows is {self.follows!r}, must be "x", "xy" or ""')


@dataclass(frozen=True, slots=True, kw_only=True)
class MujocoEnvironment:
    """Declares a MuJoCo model, stepped as one of Gymnasium's v5 environments steps it."""

    environment_id: str
    """Gymnasium id of the environment whose dynamics and observation this is."""
    model_file: str
    """MuJoCo model, a file among the assets of the ``gymnasium`` package."""
    frame_skip: int
    """Physics steps for each environment step, with the control held."""
    num_hidden_positions: int = 0
    """How many leading coordinates of the position are left out of the observation."""
    velocity_bound: float | None = None
    """Velocities in the observation are clipped to this absolute value; None: they are not."""
    observation: Literal["coordinates", "reacher", "double-pendulum"] = "coordinates"
    """Coordinates: positions, then velocities. The other two: as Gymnasium's environment of that name has it."""
    start: Literal["uniform", "normal-velocities", "reacher"] = "uniform"
    """Noise at the start of an episode, around rest: uniform on positions and velocities; uniform on positions and
    normal on velocities; or as Gymnasium's Reacher draws arm and goal."""
    start_noise: float
    """Half-width of the uniform noise, and standard deviation of the normal noise, at the start of an episode."""
    camera: Camera
    """From where clips are rendered."""
    second_camera: Camera | None = None
    """A second view, small in a corner, if one alone could mislead a judge; None if there is no need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtariEnvironment:
    """Declares a game of the Arcade Learning Environment, played on through lost lives and games."""

    game: str
    """Name of the ROM among those of ``ale_py``, such as "pong"."""
    score_rows: tuple[tuple[int, int], ...]
    """Rows of the 210 x 160 screen that are blanked before anyone but a labeler sees it: where score and
    lives are shown, as first row and row after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GymnasiumEnvironment:
    """Declares any environment of Gymnasium's registry that renders itself as ``rgb_array``."""

    environment_id: str
    """Gymnasium id, such as "CartPole-v1"; "module:Id-v0" imports the module first."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments for ``gymnasium.make``."""
    action_limit: float = 10.0
    """What stands for a bound that an action space lacks: a component without bounds reaches from minus this to this, one
    with a single bound twice as far from there (docs/tasks.md)."""

    def __post_init__(self) -> None:
        """Check the limit.

        Raises:
            ValueError: it is not a positive number.
        """
        if not 0 < self.action_limit < float("inf"):
            raise ValueError(f"action_limit is {self.action_limit}, must be positive and finite")
