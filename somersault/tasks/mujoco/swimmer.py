"""The task of the swimmer."""

from __future__ import annotations

from somersault.tasks.environments import Camera, MujocoEnvironment
from somersault.tasks.task import Task

__all__ = ["SWIMMER"]

SWIMMER = Task(
    name="swimmer",
    title="Swimmer",
    question="Which swimmer gets further?",
    description=(
        "The swimmer, seen from above, should swim to the right as fast as it can. Swimming to the left is worse than "
        "staying where it is. If both get equally far, say so."
    ),
    teacher="speed to the right",
    environment=MujocoEnvironment(
        environment_id="Swimmer-v5",
        model_file="swimmer.xml",
        frame_skip=4,
        num_hidden_positions=2,
        start_noise=0.1,
        camera=Camera(body="torso", follows="xy", height_m=0.0, distance_m=5.2, elevation_deg=-90.0),
    ),
    step_s=0.04,
    episode_steps=1000,
    frame_shape=(8,),
    action_dim=2,
    clip_step=1,
    random_return_mean=0.5,
)
