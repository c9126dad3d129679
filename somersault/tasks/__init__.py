"""What there is to learn: one declarative entry per task, without its hidden reward."""

from somersault.tasks.environments import (
    AtariEnvironment,
    Camera,
    GymnasiumEnvironment,
    MujocoEnvironment,
)
from somersault.tasks.registry import get_task, list_tasks
from somersault.tasks.task import MAX_EPISODE_STEPS, Task, TrainingDefaults

__all__ = [
    "MAX_EPISODE_STEPS",
    "AtariEnvironment",
    "Camera",
    "GymnasiumEnvironment",
    "MujocoEnvironment",
    "Task",
    "TrainingDefaults",
    "get_task",
    "list_tasks",
]
