"""What there is to learn: one declarative entry per task, without its hidden reward."""

from somersault.tasks.registry import get_task, list_tasks
from somersault.tasks.task import Camera, Task

__all__ = ["Camera", "Task", "get_task", "list_tasks"]
