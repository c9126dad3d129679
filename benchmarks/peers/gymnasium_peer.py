"""Gymnasium's vector environments as a peer: ``python -m benchmarks.peers.gymnasium_peer TASK sync|async NUM``.

A process of its own, since forking one that serves gRPC deadlocks. It prints steps a second.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import gymnasium
import numpy as np

from benchmarks.peers.bare_physics import Cost
from somersault.tasks import MujocoEnvironment, get_task

__all__ = ["measure"]

_NUM_STEPS, _WARM_UP_STEPS = 200, 20
_MEASURE_S = 300


def measure(task_name: str, mode: str, *, num_environments: int) -> Cost:
    """Measure ``gymnasium.make_vec`` with actions at hand: no policy, no network.

    Raises:
        subprocess.SubprocessError: it fails.
    """
    command = [
        sys.executable,
        "-m",
        "benchmarks.peers.gymnasium_peer",
        task_name,
        mode,
        str(num_environments),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_MEASURE_S)
    return Cost(float(done.stdout), float("nan"))


def _main(task_name: str, mode: str, num_environments: int) -> None:
    task = get_task(task_name)
    assert isinstance(task.environment, MujocoEnvironment)
    options: dict[str, Any] = {} if task_name == "cheetah" else {"terminate_when_unhealthy": False}
    environments = gymnasium.make_vec(
        task.environment.environment_id, num_envs=num_environments, vectorization_mode=mode, **options
    )
    environments.reset(seed=0)
    shape = (_NUM_STEPS, num_environments, task.action_dim)
    actions = np.random.default_rng(0).standard_normal(shape).clip(-1, 1).astype(np.float32)
    for action in actions[:_WARM_UP_STEPS]:
        environments.step(action)
    started = time.perf_counter()
    for action in actions:
        environments.step(action)
    wall_s = time.perf_counter() - started
    environments.close()
    num_steps = _NUM_STEPS * num_environments
    print(num_steps / wall_s)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
