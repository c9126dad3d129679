"""What can be learned: one declaration per task, without its true reward."""

from somersault.tasks.environments import (
    AtariEnvironment,
    Camera,
    GymnasiumEnvironment,
    MujocoEnvironment,
)
from somersault.tasks.practice import PracticePair
from somersault.tasks.registry import find_practice, get_task, is_own_task, list_tasks
from somersault.tasks.task import MAX_EPISODE_STEPS, Task, TrainingDefaults

__all__ = [
    "MAX_EPISODE_STEPS",
    "AtariEnvironment",
    "Camera",
    "GymnasiumEnvironment",
    "MujocoEnvironment",
    "PracticePair",
    "Task",
    "TrainingDefaults",
    "find_practice",
    "get_task",
    "is_own_task",
    "list_tasks",
]
