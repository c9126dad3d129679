"""When labels are due: some at once, on the random policy, the rest as the policy changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScheduleConfig:
    """How a budget of labels is spread over a run."""

    num_labels: int = 60
    """Labels of the whole run; our measurements."""
    initial_fraction: float = 0.2
    """Share asked at once, on the random policy; our measurements. Christiano et al. 2017 ask 0.25."""
    last_label_step: int = 1_000_000
    """Environment steps by which all are due; our measurements: two thirds of 1.5 M steps."""
    num_given: int = 0
    """Labels that the run began with, at most all of them; they take the place of the share asked at once."""

    def __post_init__(self) -> None:
        if self.num_labels < 1:
            raise ValueError(f"num_labels is {self.num_labels}, must be at least 1")
        if not 0 <= self.num_given <= self.num_labels:
            raise ValueError(
                f"num_given is {self.num_given}, must be 0 to {self.num_labels}, the labels of the run"
            )
        if not 0.0 < self.initial_fraction <= 1.0:
            raise ValueError(f"initial_fraction is {self.initial_fraction}, must be in (0, 1]")
        if self.last_label_step < 1:
            raise ValueError(f"last_label_step is {self.last_label_step}, must be at least 1")


def labels_due(config: LabelScheduleConfig, env_steps: int) -> int:
    """Return how many labels must be answered or asked for by a step: never falls, ends at the budget.

    Linear between the first share, or what was given if that is more, and the last step. Christiano et al. 2017,
    appendix A.1, let the rate fall as 2e6 / (T + 2e6), which over runs of 1 to 2 M steps is nearly linear too.
    """
    initial = max(1, round(config.num_labels * config.initial_fraction), config.num_given)
    progress = min(1.0, max(0.0, env_steps / config.last_label_step))
    return initial + int((config.num_labels - initial) * progress)
