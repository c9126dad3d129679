"""The task of the ant."""

from __future__ import annotations

from somersault.tasks.environments import Camera, MujocoEnvironment
from somersault.tasks.task import Task

__all__ = ["ANT"]

ANT = Task(
    name="ant",
    title="Ant",
    question="Which ant gets on better?",
    description=(
        "The ant should run to the right as fast as it can, on its feet. Getting far is better than standing; lying on "
        "the back is worst. If both do equally well, say so."
    ),
    teacher="speed to the right, and the body between 0.2 and 1 m above the floor",
    # Of Gymnasium's 105 numbers the 78 forces on its bodies are left out: they are no part of a state.
    environment=MujocoEnvironment(
        environment_id="Ant-v5",
        model_file="ant.xml",
        frame_skip=5,
        num_hidden_positions=2,
        start="normal-velocities",
        start_noise=0.1,
        camera=Camera(body="torso", follows="xy", height_m=0.6, distance_m=4.8, elevation_deg=-20.0),
        # From the side nobody sees how far it strays to the left or right.
        second_camera=Camera(body="torso", follows="xy", height_m=0.4, distance_m=3.8, elevation_deg=-90.0),
    ),
    step_s=0.05,
    # Shorter than Gymnasium's 1,000: an ant on its back lies there to the end.
    episode_steps=500,
    frame_shape=(27,),
    action_dim=8,
    clip_step=1,
    random_return_mean=486,
)
