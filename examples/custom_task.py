"""A custom task: a hopper that jumps as high as it can.

somersault tasks examples/custom_task.py
somersault train examples/custom_task.py                    # you judge
somersault train examples/custom_task.py --teacher oracle   # custom_task_teacher.py judges
"""

from __future__ import annotations

from somersault.tasks import Camera, MujocoEnvironment, Task, TrainingDefaults

TASK = Task(
    name="hopper-high",
    title="Hopper, jumping high",
    question="In which clip does the hopper jump higher?",
    description="Higher is better, wherever it goes and however it lands. If both are equally high, say so.",
    # Only simulators load this file. Without a teacher, only people can judge; leave this line out then.
    teacher_source="custom_task_teacher.py:true_reward",
    teacher="height above standing",
    environment=MujocoEnvironment(
        environment_id="Hopper-v5",
        model_file="hopper.xml",  # or a model of your own beside this file
        frame_skip=4,
        num_hidden_positions=1,
        velocity_bound=10.0,
        start_noise=5e-3,
        camera=Camera(body="torso", height_m=1.1, distance_m=3.6),
    ),
    frame_shape=(11,),
    action_dim=3,
    step_s=0.008,
    episode_steps=400,
    defaults=TrainingDefaults(labels_by_teacher=60, steps_by_teacher=1_000_000),
)
