"""Tasks of the two-legged walker."""

from __future__ import annotations

from somersault.tasks.environments import Camera, MujocoEnvironment
from somersault.tasks.task import Task, TrainingDefaults

__all__ = ["WALKER", "WALKER_BALLET"]

_WALKER = MujocoEnvironment(
    environment_id="Walker2d-v5",
    model_file="walker2d_v5.xml",
    frame_skip=4,
    num_hidden_positions=1,
    velocity_bound=10.0,
    start_noise=5e-3,
    camera=Camera(body="torso", height_m=0.9, distance_m=3.2),
)

WALKER = Task(
    name="walker",
    title="Walker",
    question="Which walker gets on better?",
    description=(
        "The walker should walk or run forwards (to the right) on its two legs without falling. Standing upright is "
        "better than lying on the floor; getting far is better than standing. If both do equally well, say so."
    ),
    teacher="speed forwards, and staying upright between 0.8 and 2 m",
    environment=_WALKER,
    step_s=0.008,
    clip_step=5,
    # Gymnasium's 1,000 steps would mostly show a fallen walker, as nothing ends an episode early here.
    episode_steps=400,
    frame_shape=(17,),
    action_dim=6,
    random_return_mean=3.2,
)

WALKER_BALLET = Task(
    name="walker-ballet",
    title="Walker's ballet",
    question="Which clip shows the more graceful pose?",
    description=(
        "The walker should stand upright and tall on one leg, raise the other leg high, and hold the pose. Standing on "
        "two legs is better than lying on the floor; a higher leg is better; running about is worse. If both do equally "
        "well or equally badly, say so."
    ),
    teacher="standing upright on one leg, the other foot raised high, without running about",
    environment=_WALKER,
    step_s=0.008,
    clip_step=5,
    episode_steps=400,
    frame_shape=(17,),
    action_dim=6,
    defaults=TrainingDefaults(labels_by_teacher=400, steps_by_teacher=2_000_000),
    random_return_mean=3.8,
)
