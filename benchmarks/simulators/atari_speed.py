"""Pong as the simulator plays it, with segments kept for clips, beside bare emulators on the same threads.

python -m benchmarks.simulators.atari_speed [--rounds N] [--envpool FOLDER]

All take turns, round after round; each goes on with its own games. Steps a second share the processors with whatever
else runs; processor time a step does not. A window is too short for the cartridge to be put in anew, which is
measured by itself.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
from ale_py.vector_env import AtariVectorEnv

from benchmarks.measure import describe_machine
from benchmarks.peers import envpool_peer
from benchmarks.simulators.random_policy import random_policy
from services.simulator.environments import open_environment, steps_already_taken
from services.simulator.environments.atari.emulator import Emulator
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import gather
from services.simulator.segments.batch_recorder import BatchRecorder
from somersault.domain.arrays import ActionArray, FloatArray, FrameArray
from somersault.tasks import get_task

__all__ = ["main"]

_TASK = get_task("pong")
_NUM_ENVIRONMENTS, _NUM_STEPS = 16, 64
_NUM_CORES = len(os.sched_getaffinity(0))
_BARE = "AtariVectorEnv"
_CARTRIDGE_STEPS = 4_500  # at least so many steps are played between two insertions
_ENVPOOL_PROGRAM = """
import sys, time
import envpool, numpy
environments, threads, steps = map(int, sys.argv[1:])
pool = envpool.make("Pong-v5", env_type="gymnasium", num_envs=environments, num_threads=threads, stack_num=1)
pool.reset()
actions = numpy.random.default_rng(0).integers(6, size=(steps, environments), dtype=numpy.int32)
for action in actions[:10]:
    pool.step(action)
started, cpu = time.perf_counter(), time.process_time()
for action in actions:
    pool.step(action)
num = steps * environments
print(num / (time.perf_counter() - started), (time.process_time() - cpu) / num * 1e6)
"""


@dataclass(frozen=True, slots=True)
class _Cost:
    """What steps cost in one window."""

    steps_per_s: float
    cpu_us: float
    """Processor time a step, of all threads."""


class _RandomChoices:
    """Stands where a policy does and costs as good as nothing."""

    def draw_noise(
        self, rng: np.random.Generator, shape: tuple[int, int], *, is_stochastic: bool = True
    ) -> FloatArray:
        """Draw all choices at once."""
        assert is_stochastic
        return rng.integers(_TASK.num_actions, size=(*shape, 1)).astype(np.float32)

    def worker(self) -> _RandomChoices:
        """Return itself: it keeps nothing."""
        return self

    def act(
        self, observations: FrameArray, noise: FloatArray, *, actions: ActionArray, log_probs: FloatArray
    ) -> None:
        """Write the choices that were drawn."""
        assert observations.shape[1:] == (_TASK.num_frames, *_TASK.frame_shape)
        actions[...] = noise[:, 0]
        log_probs[...] = -np.log(_TASK.num_actions)


def _window(run: Callable[[], None]) -> _Cost:
    """Times what plays `_NUM_STEPS` steps of `_NUM_ENVIRONMENTS` games."""
    started, cpu = time.perf_counter(), time.process_time()
    run()
    elapsed_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    num_steps = _NUM_STEPS * _NUM_ENVIRONMENTS
    return _Cost(num_steps / elapsed_s, cpu_s / num_steps * 1e6)


def _simulator(policy: Policy) -> Callable[[], _Cost]:
    """Return what plays as a simulator does: gathers rollouts, cuts segments, keeps what shows them again."""
    environment = open_environment(
        _TASK,
        num_environments=_NUM_ENVIRONMENTS,
        rng=np.random.default_rng(0),
        is_staggered=True,
    )
    recorder = BatchRecorder(
        _TASK,
        incarnation="bench",
        elapsed_steps=steps_already_taken(_TASK, _NUM_ENVIRONMENTS, is_staggered=True),
        recorded_rows=environment.recorded_rows,
        rng=np.random.default_rng(1),
    )
    rng, history = np.random.default_rng(2), None

    def run() -> None:
        nonlocal history
        _, trace = gather(
            environment,
            policy,
            sequence=0,
            policy_version=0,
            num_steps=_NUM_STEPS,
            rng=rng,
            history=history,
            num_threads=_NUM_CORES,
        )
        history = trace.history
        recorder.record(trace)

    return lambda: _window(run)


def _network(precision: Literal["float32", "bfloat16"]) -> Policy:
    """Open the paper's convolutional policy, untrained."""
    return Policy.from_bytes(random_policy(_TASK.spec), spec=_TASK.spec, precision=precision)


def _bare() -> Callable[[], _Cost]:
    """Return what plays the library's vector environment with actions at hand."""
    vector = AtariVectorEnv(
        "pong",
        _NUM_ENVIRONMENTS,
        num_threads=_NUM_CORES,
        stack_num=1,
        reward_clipping=False,
        max_num_frames_per_episode=18_000,
        autoreset_mode="SameStep",
    )
    vector.reset(seed=0)
    rng = np.random.default_rng(0)
    shape = (_NUM_STEPS, _NUM_ENVIRONMENTS)

    def run() -> None:
        for actions in rng.integers(_TASK.num_actions, size=shape, dtype=np.int32):
            vector.step(actions)

    return lambda: _window(run)


def _envpool(python: Path) -> _Cost:
    """Measure EnvPool's Pong in a process of its own."""
    numbers = map(str, (_NUM_ENVIRONMENTS, _NUM_CORES, _NUM_STEPS))
    command = [str(python), "-c", _ENVPOOL_PROGRAM, *numbers]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    steps_per_s, cpu_us = map(float, done.stdout.split())
    return _Cost(steps_per_s, cpu_us)


def _insertion_ms() -> float:
    """Return the processor time of putting the cartridge in anew."""
    emulator, num = Emulator(_TASK), 5
    cpu = time.process_time()
    for seed in range(num):
        emulator.begin(seed=seed, num_start_frames=0)
    return (time.process_time() - cpu) / num * 1e3


def _print_table(costs: dict[str, list[_Cost]]) -> None:
    """Print medians, and medians of each round's ratios."""
    print(
        "\n| what | steps/s | beside it | processor time a step | beside it |\n| --- | --- | --- | --- | --- |"
    )
    for name, own in costs.items():
        pairs = list(zip(own, costs[_BARE], strict=True))
        speed = statistics.median(cost.steps_per_s for cost in own)
        speed_ratio = statistics.median(cost.steps_per_s / bare.steps_per_s for cost, bare in pairs)
        cpu_us = statistics.median(cost.cpu_us for cost in own)
        cpu_ratio = statistics.median(cost.cpu_us / bare.cpu_us for cost, bare in pairs)
        print(f"| {name} | {speed:,.0f} | {speed_ratio:.2f} | {cpu_us:,.0f} µs | {cpu_ratio:.2f} |")


def main() -> None:
    """Measure all in turns and print the table."""
    parser = argparse.ArgumentParser(description="speed of Atari games")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--envpool", type=Path, help="folder of a virtual environment for EnvPool")
    options = parser.parse_args()
    print(f"atari: {describe_machine()}")
    contestants: dict[str, Callable[[], _Cost]] = {
        _BARE: _bare(),
        "simulator, random choices": _simulator(cast("Policy", _RandomChoices())),
        "simulator, NatureCNN in float32": _simulator(_network("float32")),
        "simulator, NatureCNN in bfloat16": _simulator(_network("bfloat16")),
    }
    python = envpool_peer.install(options.envpool) if options.envpool else None
    if python is not None:
        contestants["EnvPool"] = lambda: _envpool(python)
    costs: dict[str, list[_Cost]] = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, measure in contestants.items():
            costs[name].append(measure())
    _print_table(costs)
    share = _insertion_ms() * 1e3 / _CARTRIDGE_STEPS / statistics.median(c.cpu_us for c in costs[_BARE])
    print(
        f"\na new cartridge each {_CARTRIDGE_STEPS:,} steps: at most {share:.1%} of a bare step's processor time"
    )


if __name__ == "__main__":
    main()
