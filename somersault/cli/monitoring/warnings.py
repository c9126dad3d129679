"""Warnings while a run goes on, each given once: what makes it futile while somebody may be answering."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from somersault.cli.monitoring.progress import RunProgress

__all__ = ["Warnings"]


class Warnings:
    """Gives each warning once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Take the function that prints a line."""
        self._say = say
        self._said: set[str] = set()

    def note(self, progress: RunProgress, *, notices: Sequence[str]) -> None:
        """Print new warnings.

        Args:
            progress: The run's progress.
            notices: What services want the user to know.
        """
        for notice in notices:
            self._warn(notice, topic=notice)
        if progress.has_broken_returns:
            text = "the true reward of episodes is not finite, so no teacher can compare them; fix the environment"
            self._warn(text, topic="returns")
        reason = progress.lessons.why_nothing_yet()
        if reason is not None:
            self._warn(f"there is nothing to learn from yet: {reason}", topic="lessons")

    def _warn(self, text: str, *, topic: str) -> None:
        if topic not in self._said:
            self._said.add(topic)
            self._say(f"warning: {text}")
