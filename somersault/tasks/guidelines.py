"""The guidelines that labelers see unless an owner has written others: the task's own words."""

from __future__ import annotations

from somersault.tasks.task import Task

__all__ = ["guidelines_of"]


def guidelines_of(task: Task) -> str:
    """Return a task's title and description as Markdown without raw HTML; "" if it has no description."""
    description = task.description.strip()
    if not description:
        return ""
    title = " ".join(task.title.split())
    text = f"## {title}\n\n{description}\n" if title else f"{description}\n"
    return text.replace("<", "&lt;")
