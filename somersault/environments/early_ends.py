"""After how many steps the episodes of a Gymnasium environment end by themselves where one acts at random.

``python -m somersault.environments.early_ends TASK`` writes the steps as its last line, for those whom the environment, which is
somebody else's, must not end.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from somersault.tasks import GymnasiumEnvironment, Task, get_task
from somersault.tasks.gymnasium import open_gymnasium

__all__ = ["ask_for_early_ends", "measure_early_ends"]

_MAX_STEPS = 3000
_MAX_S = 1.0
_LONGEST_S = 10.0
_NUM_EPISODES = 30  # enough for a mean within a fifth


def ask_for_early_ends(name: str) -> float | None:
    """Return `measure_early_ends` of a task as a process of its own tells it; None too where the environment fails there.

    How a run takes that is for the run to say: it may happen once in a long while.
    """
    command = [sys.executable, "-m", "somersault.environments.early_ends", name]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_S, check=True)
        return float(asked.stdout.strip().splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError):
        return None


def measure_early_ends(task: Task) -> float | None:
    """Play some episodes at random and return how long they are where they end early.

    Returns:
        Mean steps of an episode, whatever ends it; None where too few ended early for that to matter.

    Raises:
        InvalidInputError: the environment can't be made.
        UnavailableError: a package that it needs is missing.
        Exception: what the environment raises while it is played.
    """
    if not isinstance(task.environment, GymnasiumEnvironment):
        return None
    opened = open_gymnasium(task.environment, episode_steps=task.episode_steps, draws=False)
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
