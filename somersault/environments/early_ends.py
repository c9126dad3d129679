"""After how many steps the episodes of a Gymnasium environment end early under random actions.

``python -P -m somersault.environments.early_ends TASK`` prints the steps as its last line, for callers that
third-party code must not take down.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from somersault.processes.modules import module_command
from somersault.tasks import GymnasiumEnvironment, Task, get_task
from somersault.tasks.gymnasium import open_gymnasium

__all__ = ["ask_for_early_ends", "measure_early_ends"]

_MAX_STEPS = 3000
_MAX_S = 1.0
_LONGEST_S = 10.0
_NUM_EPISODES = 30  # enough for a mean within a fifth


def ask_for_early_ends(name: str) -> float | None:
    """Return `measure_early_ends` of a task, measured in a process of its own; None also if the environment fails there.

    Such a failure may be a rare one, so it is left to the run to report it.
    """
    command = module_command("somersault.environments.early_ends", name)
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, check=True)
        return float(asked.stdout.strip().splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError):
        return None


def measure_early_ends(task: Task) -> float | None:
    """Play some episodes at random and return how long they are if they end early.

    Returns:
        Mean steps of an episode, whatever ends it; None if too few ended early for it to matter.

    Raises:
        InvalidInputError: The environment can't be made.
        UnavailableError: A package that it needs is missing.
        Exception: Whatever the environment raises while it is played.
    """
    if not isinstance(task.environment, GymnasiumEnvironment):
        return None
    opened = open_gymnasium(task.environment, episode_steps=task.episode_steps, has_rendering=False)
    try:
        opened.action_space.seed(0)
        return _play(opened)
    finally:
        opened.close()


def _play(opened: Any) -> float | None:
    num_steps = num_ended = num_early = 0
    give_up = time.monotonic() + _MAX_S
    opened.reset(seed=0)
    while num_steps < _MAX_STEPS and num_ended < _NUM_EPISODES and time.monotonic() < give_up:
        _, _, is_terminated, is_truncated, _ = opened.step(opened.action_space.sample())
        num_steps += 1
        if is_terminated or is_truncated:
            num_ended += 1
            num_early += bool(is_terminated)
            opened.reset()
    return num_steps / num_ended if num_early * 2 > num_ended else None


if __name__ == "__main__":
    sys.stdout.write(f"\n{measure_early_ends(get_task(sys.argv[1]))}\n")
