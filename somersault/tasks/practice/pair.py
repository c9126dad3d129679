"""What a task declares about a practice pair."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from somersault.domain.feedback import Preference

__all__ = ["PracticePair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticePair:
    """Two clips of which one is obviously better, or neither."""

    left: str
    """Path of the clip that is shown on the left, H.264 in MP4; relative to the task's own file."""
    right: str
    """Path of the clip that is shown on the right."""
    preference: Preference
    """The obvious answer."""
    explanation: str
    """Why, in a sentence for the labeler."""

    def based_at(self, folder: Path) -> PracticePair:
        """Return the pair with its paths made absolute."""
        return dataclasses.replace(self, left=str(folder / self.left), right=str(folder / self.right))
