"""What is said once while a run goes on, because it makes the run futile and somebody may be answering in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from somersault.cli.monitoring.progress import RunProgress

__all__ = ["Warnings"]


class Warnings:
    """Says each thing once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """Take who shows a line that stays."""
        self._say = say
        self._said: set[str] = set()

    def note(self, progress: RunProgress, *, notices: Sequence[str]) -> None:
        """Say what is new.

        Args:
            progress: How the run stands.
            notices: What services want to be known.
        """
        for notice in notices:
            self._warn(notice, topic=notice)
        if progress.has_broken_returns:
            text = "the hidden reward of episodes is not finite, so no teacher can compare them; mend the environment"
            self._warn(text, topic="returns")
        reason = progress.lessons.why_nothing_yet()
        if reason is not None:
            self._warn(f"there is nothing to learn from yet: {reason}", topic="lessons")

    def _warn(self, text: str, *, topic: str) -> None:
        if topic not in self._said:
            self._said.add(topic)
            self._say(f"warning: {text}")
