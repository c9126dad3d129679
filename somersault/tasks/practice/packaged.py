"""The pairs that come with the package, by task. Their clips are in folders beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from somersault.domain.feedback import Preference
from somersault.tasks.practice.pair import PracticePair

__all__ = ["PACKAGED"]

_FOLDER = Path(__file__).parent
_BALANCED = "On the {} the pole stays upright; on the other side it falls at once."


def _pair(left: str, right: str, preference: Preference, explanation: str) -> PracticePair:
    pair = PracticePair(
        left=f"{left}.mp4", right=f"{right}.mp4", preference=preference, explanation=explanation
    )
    return pair.based_at(_FOLDER)


PACKAGED: Mapping[str, tuple[PracticePair, ...]] = {
    "CartPole-v1": (
        _pair("cartpole/upright", "cartpole/falling", Preference.LEFT, _BALANCED.format("left")),
        _pair("cartpole/falling-left", "cartpole/steady", Preference.RIGHT, _BALANCED.format("right")),
    ),
    "breakout": (
        _pair(
            "breakout/missing",
            "breakout/returning",
            Preference.RIGHT,
            "On the right the ball is returned; on the left it is missed, which costs a life.",
        ),
        _pair(
            "breakout/scoring",
            "breakout/idle",
            Preference.LEFT,
            "On the left the ball is sent back into the bricks; on the right the paddle stays in its corner.",
        ),
    ),
    "hopper-backflip": (
        _pair(
            "hopper-backflip/lying",
            "hopper-backflip/turning",
            Preference.RIGHT,
            "On the right it jumps and turns backwards through the air; on the left it lies on the floor.",
        ),
        _pair(
            "hopper-backflip/turning",
            "hopper-backflip/hopping",
            Preference.LEFT,
            "On the left it turns all the way over; on the right it hops along and falls, without turning over.",
        ),
    ),
    "pendulum": (
        _pair("pendulum/falling", "pendulum/upright", Preference.RIGHT, _BALANCED.format("right")),
        _pair("pendulum/steady", "pendulum/hanging", Preference.LEFT, _BALANCED.format("left")),
    ),
}
"""By the task's name or its Gymnasium id."""
