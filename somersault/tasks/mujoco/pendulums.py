"""Tasks of poles that are balanced on a cart."""

from __future__ import annotations

from somersault.tasks.environments import Camera, MujocoEnvironment
from somersault.tasks.practice import PACKAGED
from somersault.tasks.task import Task

__all__ = ["DOUBLE_PENDULUM", "PENDULUM"]

DOUBLE_PENDULUM = Task(
    name="double-pendulum",
    title="Double pendulum",
    question="Which pair of poles is balanced better?",
    description=(
        "The cart should balance the two poles, one on top of the other, upright and calmly near the middle. A higher "
        "tip is better; fallen poles are worst. If both do equally well or equally badly, say so."
    ),
    teacher="the tip above 1 m, calmly and near the middle",
    environment=MujocoEnvironment(
        environment_id="InvertedDoublePendulum-v5",
        model_file="inverted_double_pendulum.xml",
        frame_skip=5,
        observation="double-pendulum",
        start="normal-velocities",
        start_noise=0.1,
        camera=Camera(body="cart", follows="", height_m=0.2, distance_m=5.8, elevation_deg=-5.0),
    ),
    step_s=0.05,
    # Gymnasium's 1,000 steps would mostly show fallen poles, as nothing ends an episode early here.
    episode_steps=200,
    frame_shape=(9,),
    action_dim=1,
    clip_step=1,
    random_return_mean=-1143,
)

PENDULUM = Task(
    name="pendulum",
    title="Pendulum",
    question="Which pole is balanced better?",
    description=(
        "The cart should balance the pole upright. Closer to upright is better; a fallen pole is worst. If both do "
        "equally well or equally badly, say so."
    ),
    teacher="the pole within 0.2 rad of upright",
    environment=MujocoEnvironment(
        environment_id="InvertedPendulum-v5",
        model_file="inverted_pendulum.xml",
        frame_skip=2,
        start_noise=0.01,
        camera=Camera(body="cart", follows="", height_m=0.25, distance_m=4.4, elevation_deg=-5.0),
    ),
    step_s=0.04,
    # Gymnasium's 1,000 steps would mostly show a fallen pole, as nothing ends an episode early here.
    episode_steps=200,
    practice=PACKAGED["pendulum"],
    frame_shape=(4,),
    action_dim=1,
    clip_step=1,
    random_return_mean=5.2,
)
