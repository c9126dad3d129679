"""What a task declares: its environment, its timing, and how people are shown and asked about it.

The hidden reward of a task is not here: it belongs to the simulator service alone, so that no other
process can read it by importing a shared package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from somersault.types import TaskSpec

__all__ = ["Camera", "Task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Says from where clips are drawn; the camera follows the body sideways, never up and down."""

    body: str
    """Name of the root body; the camera follows its centre of mass, limbs included."""
    height_m: float
    """Height of the point looked at; fixed, so that a jump is seen as a jump."""
    distance_m: float
    """Distance from the point looked at."""
    azimuth_deg: float = 90.0
    """Direction of view; 90 looks along +y, so that forward (+x) is to the right."""
    elevation_deg: float = -8.0
    """Angle of view; negative looks down, which makes the marks on the floor visible."""
    field_of_view_deg: float = 45.0
    """Vertical angle of view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Declares what is to be learned and how it is judged."""

    name: str
    """Name on the command line and on the wire: lower case, words joined by hyphens."""
    title: str
    """Name on pages."""
    question: str
    """What a labeler is asked about two clips."""
    description: str
    """What is to be judged, in sentences: shown to labelers above the clips."""
    environment_id: str
    """Gymnasium id of the environment whose dynamics and observation this task has."""
    model_file: str
    """MuJoCo model, a file among the assets of the ``gymnasium`` package."""
    frame_skip: int
    """Physics steps for each environment step, with the control held."""
    step_s: float
    """Simulated time of an environment step."""
    episode_steps: int
    """Length of each episode; none ends early, since an end would tell the agent what is good."""
    segment_s: float = 1.5
    """Simulated time of a segment (Christiano et al. 2017, appendix A.1: 1.5 s)."""
    observation_dim: int
    """Length of an observation."""
    action_dim: int
    """Length of an action; each component is executed within -1 and 1."""
    num_hidden_positions: int
    """How many leading coordinates of the position are left out of the observation."""
    velocity_bound: float
    """Velocities in the observation are clipped to this absolute value."""
    reset_noise: float
    """Half-width of the uniform noise on positions and velocities at the start of an episode."""
    camera: Camera
    """From where clips are drawn."""
    clip_size_px: int = 320
    """Width and height of a clip."""
    clip_step: int = 4
    """Each how many environment steps a frame is drawn."""
    reference_return_mean: float | None = None
    """Mean true return of our own policy trained on the true reward; None where not measured."""
    random_return_mean: float | None = None
    """Mean true return of the untrained policy; None where not measured."""

    @property
    def segment_steps(self) -> int:
        """Number of environment steps in a segment, at least as long as ``segment_s``."""
        return math.ceil(round(self.segment_s / self.step_s, 6))

    @property
    def spec(self) -> TaskSpec:
        """What goes over the wire: the task as far as the agent may know it."""
        return TaskSpec(
            task=self.name,
            observation_dim=self.observation_dim,
            action_dim=self.action_dim,
            episode_steps=self.episode_steps,
            segment_steps=self.segment_steps,
            step_s=self.step_s,
        )

    @property
    def clip_fps(self) -> float:
        """Frames per second at which a clip plays in real time."""
        return 1.0 / (self.step_s * self.clip_step)
