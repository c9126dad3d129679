"""The pairs that come with the package, by task. Their clips lie beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from somersault.tasks.practice.pair import PracticePair
from somersault.types import Preference

__all__ = ["PACKAGED"]

_FOLDER = Path(__file__).parent


def _pair(left: str, right: str, preference: Preference, explanation: str) -> PracticePair:
    pair = PracticePair(
        left=f"{left}.mp4", right=f"{right}.mp4", preference=preference, explanation=explanation
    )
    return pair.based_at(_FOLDER)


PACKAGED: Mapping[str, tuple[PracticePair, ...]] = {}
"""By the task's name or its Gymnasium id."""
