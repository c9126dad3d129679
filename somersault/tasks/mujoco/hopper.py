"""Tasks of the one-legged hopper."""

from __future__ import annotations

from somersault.tasks.environments import Camera, MujocoEnvironment
from somersault.tasks.practice import PACKAGED
from somersault.tasks.task import Task, TrainingDefaults

__all__ = ["HOPPER", "HOPPER_BACKFLIP"]

_HOPPER = MujocoEnvironment(
    environment_id="Hopper-v5",
    model_file="hopper.xml",
    frame_skip=4,
    num_hidden_positions=1,
    velocity_bound=10.0,
    start_noise=5e-3,
    camera=Camera(body="torso", height_m=0.85, distance_m=2.9),
)

HOPPER = Task(
    name="hopper",
    title="Hopper",
    question="Which hopper gets on better?",
    description=(
        "The hopper should hop forwards (to the right) on its one leg, fast and without falling. Standing upright is "
        "better than lying on the floor; hopping far is better than standing. If both do equally well, say so."
    ),
    teacher="speed forwards, and staying upright above 0.7 m",
    environment=_HOPPER,
    step_s=0.008,
    clip_step=5,
    # Gymnasium's 1,000 steps would mostly show a fallen hopper, as nothing ends an episode early here.
    episode_steps=400,
    frame_shape=(11,),
    action_dim=3,
    random_return_mean=-45,
)

HOPPER_BACKFLIP = Task(
    name="hopper-backflip",
    title="Hopper backflip",
    question="Which clip shows the better backflip?",
    description=(
        "The hopper should jump and turn backwards through the air (to the left, against the "
        "clock), then land on its foot and do it again. Turning further backwards is better; "
        "turning forwards, lying on the floor and sliding are worse. If both do equally well or "
        "equally badly, say so."
    ),
    teacher="turning backwards, more so when high and with effort",
    environment=_HOPPER,
    step_s=0.008,
    clip_step=5,
    episode_steps=400,
    frame_shape=(11,),
    action_dim=3,
    has_flips=True,
    practice=PACKAGED["hopper-backflip"],
    # 60 answers do as well as 900: docs/results.md
    defaults=TrainingDefaults(labels_by_teacher=60, steps_by_teacher=1_500_000),
    reference_return_mean=7_840,  # seeds 0 and 1 after 3 M steps; docs/results.md
    random_return_mean=540,  # 64 episodes of the untrained policy, which falls over backwards
)
