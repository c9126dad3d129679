"""The task of the arm that reaches for a goal."""

from __future__ import annotations

from somersault.tasks.environments import Camera, MujocoEnvironment
from somersault.tasks.task import Task

__all__ = ["REACHER"]

REACHER = Task(
    name="reacher",
    title="Reacher",
    question="Which arm is closer to its goal?",
    description=(
        "The arm, seen from above, should bring its fingertip to the red dot, quickly, and hold it there. Being closer "
        "is better. If both are equally close, say so."
    ),
    teacher="the distance from fingertip to goal, the smaller the better",
    environment=MujocoEnvironment(
        environment_id="Reacher-v5",
        model_file="reacher.xml",
        frame_skip=2,
        observation="reacher",
        start="reacher",
        start_noise=0.1,
        camera=Camera(
            body="body0", follows="", height_m=0.0, distance_m=0.85, azimuth_deg=90.0, elevation_deg=-90.0
        ),
    ),
    step_s=0.02,
    episode_steps=50,
    frame_shape=(10,),
    action_dim=2,
    # An episode is shorter than the 1.5 s of other tasks; a clip shows all of it.
    segment_s=1.0,
    clip_step=2,
    random_return_mean=-9.0,
)
