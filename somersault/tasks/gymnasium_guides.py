"""What to ask people about well-known environments of Gymnasium, and what a run of them begins with.

Any other environment is asked about in general words. Names are without the version: what is asked of a CartPole is
asked of each.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass

from somersault.tasks.task import TrainingDefaults

__all__ = ["Guide", "guide_of"]

_SAY_SO = "If both do equally well, or equally badly, say so."
_END = "A clip that turns grey in a dark frame shows that the episode is over; nothing happens any more from there on."


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """Says how an environment's clips are judged."""

    question: str
    """What a labeler is asked about two clips."""
    description: str
    """What is to be judged, in sentences."""
    defaults: TrainingDefaults
    """What a run begins with."""


# Small networks on small states: short rollouts, so that the policy is improved often (docs/results.md).
_CONTROL = TrainingDefaults(
    labels_by_teacher=100,
    labels_by_people=60,
    steps_by_teacher=100_000,
    steps_by_people=200_000,
    steps_of_reference=100_000,
    num_environments=16,
    rollout_steps=64,
    ppo={"learning_rate": 1e-3, "minibatch_size": 256, "discount": 0.98, "trace_decay": 0.9},
    reward={"trainer.round_steps": 60, "labeling_fraction": 0.9},
)
_LANDER = dataclasses.replace(
    _CONTROL,
    labels_by_teacher=500,
    labels_by_people=200,
    steps_by_teacher=1_000_000,
    steps_by_people=1_000_000,
    steps_of_reference=1_000_000,
    num_environments=16,
    rollout_steps=128,
    ppo={"learning_rate": 6e-4, "num_epochs": 6, "minibatch_size": 512, "discount": 0.995},
)
_OTHERS = TrainingDefaults(num_environments=16, rollout_steps=128)

_GUIDES: Mapping[str, Guide] = {
    "Acrobot": Guide(
        question="In which clip does the lower end swing higher?",
        description=(
            "Two rods hang from a fixed point, and the joint between them is driven. Their lower end should get above "
            f"the line, the sooner the better. {_END} Here that is what is wanted: the line was reached. Before it is "
            f"reached, higher and livelier swings are better than hanging. {_SAY_SO}"
        ),
        defaults=dataclasses.replace(_CONTROL, steps_by_teacher=300_000, steps_of_reference=300_000),
    ),
    "BipedalWalker": Guide(
        question="Which clip shows the better walk?",
        description=(
            "The robot should walk to the right, steadily and without falling. Farther is better, falling is worst. "
            f"{_END} {_SAY_SO}"
        ),
        defaults=_OTHERS,
    ),
    "CarRacing": Guide(
        question="Which clip shows the better drive?",
        description=(
            "The car should follow the road, fast. Grass, spinning and standing still are worse than driving slowly. "
            f"{_END} {_SAY_SO}"
        ),
        defaults=_OTHERS,
    ),
    "CartPole": Guide(
        question="In which clip does the pole stay up longer?",
        description=(
            "The cart should move so that the pole on it stays upright and the cart stays in the picture. Longer is "
            f"better. {_END} Here that is what is not wanted: the pole fell over, or the cart ran out of the picture. "
            f"If the pole stays up in both, a calmer pole nearer the middle is better. {_SAY_SO}"
        ),
        defaults=_CONTROL,
    ),
    "LunarLander": Guide(
        question="Which clip shows the better landing?",
        description=(
            "The lander should come down softly and upright, and rest on both legs between the flags. Coming nearer, "
            "slower and more upright is better; drifting off, tumbling and hovering for long are worse, and crashing is "
            f"worst. {_END} Judge how it got there. {_SAY_SO}"
        ),
        defaults=_LANDER,
    ),
    "MountainCar": Guide(
        question="In which clip does the car get higher up the right hill?",
        description=(
            "The car is too weak to drive straight up: it has to swing to and fro. It should reach the flag, the sooner "
            f"the better. {_END} Here that is what is wanted: the flag was reached. Before that, wider swings are better "
            f"than rolling about at the bottom. {_SAY_SO}"
        ),
        defaults=dataclasses.replace(_CONTROL, steps_by_teacher=300_000, steps_of_reference=300_000),
    ),
    "Pendulum": Guide(
        question="In which clip is the rod better held up?",
        description=(
            "The rod should swing up and then stand upright, at rest. Upright is better than swinging, swinging up is "
            f"better than hanging. {_SAY_SO}"
        ),
        defaults=dataclasses.replace(_CONTROL, steps_by_teacher=300_000, steps_of_reference=300_000),
    ),
}
_ALSO_CALLED = {
    "LunarLanderContinuous": "LunarLander",
    "MountainCarContinuous": "MountainCar",
    "BipedalWalkerHardcore": "BipedalWalker",
}


def guide_of(environment_id: str, *, title: str) -> Guide:
    """Return how to judge an environment: in words of its own if it is well known, else in general ones.

    Args:
        environment_id: In Gymnasium's registry.
        title: What people call it.
    """
    name = re.sub(r"-v\d+$", "", environment_id)
    known = _GUIDES.get(_ALSO_CALLED.get(name, name))
    if known is not None:
        return known
    return Guide(
        question="Which clip shows more of what you want?",
        description=(
            f"You decide what is to be learned in {title}: settle on it before the first answer and stay with it. "
            "Choose the clip that shows more of it, or that comes closer to it. If both do equally well or equally "
            f"badly, say so. {_END}"
        ),
        defaults=_OTHERS,
    )
