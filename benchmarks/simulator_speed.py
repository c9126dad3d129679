"""The simulator service, policy and stream included, beside Gymnasium's vector environments and bare physics.

python -m benchmarks.simulator_speed
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import safetensors.numpy
from mujoco import rollout

from benchmarks.measure import compare, describe_machine, print_table
from services.learner.ppo import PPO, PPOConfig
from services.simulator.environment.mujoco import load_model
from somersault.rpc import bind, create_server
from somersault.tasks import get_task
from somersault.v1 import learner_pb2, learner_pb2_grpc

__all__ = ["main"]

_TASK = get_task("hopper-backflip")
_NUM_ENVIRONMENTS = 64
_NUM_SYNC_ENVIRONMENTS = 16
_NUM_CORES = len(os.sched_getaffinity(0))
_ROLLOUT_STEPS = 128
_NUM_ROLLOUTS = 16


class _LearnerStub(learner_pb2_grpc.LearnerServiceServicer):
    """Takes rollouts as fast as they come and learns nothing."""

    def __init__(self, policy: bytes) -> None:
        self._policy = learner_pb2.Policy(policy_version=0, weights=policy)
        self.num_rollouts = 0
        self.grown = asyncio.Event()

    async def Collect(
        self, request_iterator: AsyncIterator[learner_pb2.CollectRequest], context: Any
    ) -> AsyncIterator[learner_pb2.CollectResponse]:
        """Keeps two rollouts assigned, as the learner does under lag one."""
        assignment = learner_pb2.CollectResponse(assignment=learner_pb2.Assignment(policy_version=0))
        async for request in request_iterator:
            if request.WhichOneof("kind") == "hello":
                welcome = learner_pb2.CollectWelcome(rollout_steps=_ROLLOUT_STEPS, seed=0, run_id="bench")
                yield learner_pb2.CollectResponse(welcome=welcome)
                yield learner_pb2.CollectResponse(policy=self._policy)
                yield assignment
            else:
                self.num_rollouts += 1
                self.grown.set()
            yield assignment


def measure_service() -> float:
    """Gives the steps a second that arrive at a learner from one simulator process."""
    return asyncio.run(_measure_service())


async def _measure_service() -> float:
    ppo = PPO(PPOConfig(), observation_dim=_TASK.observation_dim, action_dim=_TASK.action_dim, seed=0)
    stub = _LearnerStub(  # type: ignore[abstract]  # a benchmark asks it for nothing else
        safetensors.numpy.save(ppo.export_policy())
    )
    server = create_server()
    learner_pb2_grpc.add_LearnerServiceServicer_to_server(stub, server)
    port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "services.simulator", "--task", _TASK.name]
        command += ["--storage-url", Path(folder).as_uri(), "--learner-address", f"127.0.0.1:{port}"]
        command += ["--reward-address", "null", "--num-threads", str(_NUM_CORES)]
        command += ["--num-environments", str(_NUM_ENVIRONMENTS), "--no-has-rendering"]
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        try:
            await _wait_for(stub, 4)
            first, started = stub.num_rollouts, time.perf_counter()
            await _wait_for(stub, first + _NUM_ROLLOUTS)
            elapsed_s = time.perf_counter() - started
        finally:
            process.terminate()
            await process.wait()
            await server.stop(None)
    return (stub.num_rollouts - first) * _ROLLOUT_STEPS * _NUM_ENVIRONMENTS / elapsed_s


async def _wait_for(stub: _LearnerStub, num_rollouts: int) -> None:
    async with asyncio.timeout(120):
        while stub.num_rollouts < num_rollouts:
            stub.grown.clear()
            await stub.grown.wait()


def measure_gymnasium(mode: str) -> float:
    """Gives the steps a second of ``gymnasium.make_vec`` with actions at hand: no policy, no network."""
    environments = gymnasium.make_vec(
        "Hopper-v5", num_envs=_NUM_SYNC_ENVIRONMENTS, vectorization_mode=mode, terminate_when_unhealthy=False
    )
    environments.reset(seed=0)
    actions = np.random.default_rng(0).uniform(-1, 1, (600, _NUM_SYNC_ENVIRONMENTS, 3)).astype(np.float32)
    for action in actions[:50]:
        environments.step(action)
    started = time.perf_counter()
    for action in actions:
        environments.step(action)
    elapsed_s = time.perf_counter() - started
    environments.close()
    return len(actions) * _NUM_SYNC_ENVIRONMENTS / elapsed_s


def measure_bare_physics() -> float:
    """Gives the steps a second of ``mujoco.rollout`` alone, all steps of an episode in one call."""
    model = load_model(_TASK)
    state_dim = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    states = np.zeros((_NUM_ENVIRONMENTS, state_dim))
    states[:, 1 : 1 + model.nq] = model.qpos0
    generator = np.random.default_rng(0)
    held = generator.uniform(-1, 1, (_NUM_ENVIRONMENTS, _TASK.episode_steps, model.nu))
    control = np.repeat(held, _TASK.frame_skip, axis=1)
    threads = [mujoco.MjData(model) for _ in range(_NUM_CORES)]
    with rollout.Rollout(nthread=_NUM_CORES if _NUM_CORES > 1 else 0) as pool:
        started = time.perf_counter()
        for _ in range(3):
            pool.rollout([model] * _NUM_ENVIRONMENTS, threads, states, control)
        elapsed_s = time.perf_counter() - started
    return float(3 * held.shape[0] * held.shape[1] / elapsed_s)


def main() -> None:
    """Measures all in turns and prints the table."""
    print(f"simulator: {describe_machine()}")
    speeds = compare(
        {
            f"simulator service, {_NUM_CORES} threads, policy and stream": measure_service,
            "gymnasium sync": lambda: measure_gymnasium("sync"),
            "gymnasium async": lambda: measure_gymnasium("async"),
            f"mujoco.rollout, {_NUM_CORES} threads, no policy": measure_bare_physics,
        },
        num_rounds=3,
    )
    print_table("Hopper-v5, environment steps", speeds, unit="steps/s", base="gymnasium sync")


if __name__ == "__main__":
    main()
