"""The simulator service, policy and stream included, beside bare physics, Gymnasium's vector environments and EnvPool.

python -m benchmarks.simulators.mujoco_speed [--tasks hopper cheetah ant] [--rounds N] [--envpool FOLDER]

All take turns, round after round, while the others idle; what is compared are the medians of each round's ratios. Bare
physics is the faster, by its median, of one open-loop call and of a call a step; it takes the very steps that the
service takes. Where other work shares the processors, ratios of processor time a step tell more than those of speed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import describe_machine
from benchmarks.peers import envpool_peer, gymnasium_peer
from benchmarks.peers.bare_physics import BarePhysics, Cost
from benchmarks.simulators.process import SimulatorProcess, simulator_process
from somersault.tasks import Task, get_task

__all__ = ["main"]

_NUM_CORES = len(os.sched_getaffinity(0))
_NUM_VECTOR_ENVIRONMENTS = 16
_ROLLOUT_STEPS = 64
_NUM_ENVIRONMENTS = 64
_WINDOW_ROLLOUTS = 6
_SERVICE, _LONG, _STEPWISE = "service", "mujoco.rollout, one call", "mujoco.rollout, a call a step"
_ENVPOOL_NAMES = {"hopper": "Hopper-v4", "cheetah": "HalfCheetah-v4", "ant": "Ant-v4"}

Costs = dict[str, list[Cost]]


async def measure_service(simulator: SimulatorProcess) -> Cost:
    """Measure one window of the service."""
    window = await simulator.work(_WINDOW_ROLLOUTS)
    return Cost(window.num_steps / window.wall_s, window.cpu_s / window.num_steps * 1e6)


async def measure_task(task: Task, *, num_rounds: int, envpool: Path | None) -> Costs:
    """Measure everything once a round, in turns."""
    bare = BarePhysics(
        task, num_environments=_NUM_ENVIRONMENTS, num_steps=_ROLLOUT_STEPS, num_threads=_NUM_CORES
    )
    contestants: dict[str, Callable[[], Cost]] = {
        _LONG: bare.in_one_call,
        _STEPWISE: bare.step_by_step,
        "gymnasium sync": lambda: gymnasium_peer.measure(
            task.name, "sync", num_environments=_NUM_VECTOR_ENVIRONMENTS
        ),
        "gymnasium async": lambda: gymnasium_peer.measure(
            task.name, "async", num_environments=_NUM_VECTOR_ENVIRONMENTS
        ),
    }
    if envpool is not None:
        contestants["EnvPool"] = lambda: _measure_envpool(envpool, task)
    costs: Costs = {name: [] for name in (_SERVICE, *contestants)}
    async with simulator_process(
        task,
        num_threads=_NUM_CORES,
        num_environments=_NUM_ENVIRONMENTS,
        rollout_steps=_ROLLOUT_STEPS,
    ) as simulator:
        await simulator.work(4)  # until the first connection is made and all code is loaded
        for _ in range(num_rounds):
            costs[_SERVICE].append(await measure_service(simulator))
            for name, measure in contestants.items():
                costs[name].append(await asyncio.to_thread(measure))
    return costs


def _measure_envpool(python: Path, task: Task) -> Cost:
    speed = envpool_peer.measure(
        python,
        _ENVPOOL_NAMES[task.name],
        num_environments=_NUM_ENVIRONMENTS,
        num_threads=_NUM_CORES,
        num_steps=_ROLLOUT_STEPS,
    )
    return Cost(speed, float("nan"))


def print_table(task: Task, costs: Costs) -> None:
    """Print medians, and the service's ratios to each as medians over the rounds."""
    print(
        f"\n{task.name}, {_NUM_ENVIRONMENTS} environments, {_NUM_CORES} threads; Gymnasium: {_NUM_VECTOR_ENVIRONMENTS} environments\n"
    )
    print(
        "| what | steps/s | processor µs a step | service's speed beside it | its processor time beside it |"
    )
    print("| --- | --- | --- | --- | --- |")
    for name, values in costs.items():
        speed, cpu_us = (_median([getattr(v, field) for v in values]) for field in ("steps_per_s", "cpu_us"))
        pairs = list(zip(costs[_SERVICE], values, strict=True))
        faster = _median([service.steps_per_s / other.steps_per_s for service, other in pairs])
        thriftier = _median([other.cpu_us / service.cpu_us for service, other in pairs])
        print(f"| {name} | {speed:,.0f} | {cpu_us:.1f} | {faster:.2f} | {thriftier:.2f} |")
    bare = max((_LONG, _STEPWISE), key=lambda name: _median([cost.steps_per_s for cost in costs[name]]))
    print(f"\nbare physics: {bare}", flush=True)


def _median(values: list[float]) -> float:
    return statistics.median(values)


def main() -> None:
    """Measure all tasks and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["hopper", "cheetah", "ant"], choices=_ENVPOOL_NAMES)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--envpool",
        type=Path,
        default=Path(tempfile.gettempdir()) / "somersault-envpool",
        help="folder of EnvPool's own virtual environment, made if it is not there",
    )
    arguments = parser.parse_args()
    print(f"simulator: {describe_machine()}", flush=True)
    envpool = envpool_peer.install(arguments.envpool)
    for name in arguments.tasks:
        task = get_task(name)
        print_table(task, asyncio.run(measure_task(task, num_rounds=arguments.rounds, envpool=envpool)))


if __name__ == "__main__":
    main()
