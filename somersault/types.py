"""The names for files of one's own: a task's practice pairs, a teacher's function (docs/tasks.md, docs/teachers.md).

The code here imports each from where it lives; an architecture test holds that.
"""

from somersault.domain.arrays import ActionArray, BoolArray, DoubleArray, FloatArray, FrameArray
from somersault.domain.feedback import Preference
from somersault.domain.task_spec import TaskSpec

__all__ = ["ActionArray", "BoolArray", "DoubleArray", "FloatArray", "FrameArray", "Preference", "TaskSpec"]
