"""Tasks of the one-legged hopper."""

from __future__ import annotations

from somersault.tasks.task import Camera, Task

__all__ = ["HOPPER_BACKFLIP"]

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
    environment_id="Hopper-v5",
    model_file="hopper.xml",
    frame_skip=4,
    step_s=0.008,
    episode_steps=400,
    observation_dim=11,
    action_dim=3,
    num_hidden_positions=1,
    velocity_bound=10.0,
    reset_noise=5e-3,
    camera=Camera(body="torso", height_m=0.85, distance_m=2.9),
    reference_return_mean=7_840,  # seeds 0 and 1 after 3 M steps; docs/results.md
    random_return_mean=540,  # 64 episodes of the untrained policy, which falls over backwards
)
