"""Tasks of the half cheetah."""

from __future__ import annotations

from somersault.tasks.environments import Camera, MujocoEnvironment
from somersault.tasks.task import Task, TrainingDefaults

__all__ = ["CHEETAH", "CHEETAH_ONE_LEG"]

_CHEETAH = MujocoEnvironment(
    environment_id="HalfCheetah-v5",
    model_file="half_cheetah.xml",
    frame_skip=5,
    num_hidden_positions=1,
    start="normal-velocities",
    start_noise=0.1,
    camera=Camera(body="torso", height_m=0.6, distance_m=3.2),
)

CHEETAH = Task(
    name="cheetah",
    title="Cheetah",
    question="Which cheetah runs better?",
    description=(
        "The cheetah should run forwards (to the right) as fast as it can. Running backwards is worse than lying still. "
        "If both get equally far, say so."
    ),
    teacher="speed forwards",
    environment=_CHEETAH,
    step_s=0.05,
    episode_steps=1000,
    frame_shape=(17,),
    action_dim=6,
    clip_step=1,
    random_return_mean=-45,
)

CHEETAH_ONE_LEG = Task(
    name="cheetah-one-leg",
    title="Cheetah on one leg",
    question="Which cheetah runs better on one leg?",
    description=(
        "The cheetah should run forwards (to the right) on its hind leg alone, with the front leg off the floor. "
        "Rearing up without getting anywhere is better than standing on both legs; lying on the floor or on the back is "
        "worst. If both do equally well or equally badly, say so."
    ),
    teacher="speed forwards while the front leg is off the floor, not on the back",
    environment=_CHEETAH,
    step_s=0.05,
    # Shorter than Gymnasium's 1,000: who falls on the back lies there to the end.
    episode_steps=400,
    frame_shape=(17,),
    action_dim=6,
    clip_step=1,
    defaults=TrainingDefaults(labels_by_teacher=400, steps_by_teacher=2_000_000),
    random_return_mean=113,
)
