"""A real simulator whose environment fails once the run is under way: how its keeper ends. The learner is a double."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pytest
import safetensors.numpy

from somersault.cli.services.ports import choose_ports
from somersault.cli.services.processes import ServiceProcess
from somersault.cli.services.supervisor import Supervisor
from somersault.errors import ConfigError
from somersault.rpc import bind, create_server
from somersault.v1 import learner_pb2, learner_pb2_grpc

_STEPS, _NUM = 64, 2
_LATE = 20
"""The step at which each is odd: within the first rollout."""


class _Learner(learner_pb2_grpc.LearnerServiceServicer, learner_pb2_grpc.ReferenceLearnerServiceServicer):
    """Assigns rollouts under one policy for as long as they come."""

    async def Collect(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        """Welcomes and assigns."""
        await anext(request_iterator)
        yield learner_pb2.CollectResponse(
            welcome=learner_pb2.CollectWelcome(rollout_steps=_STEPS, seed=0, run_id="r")
        )
        yield learner_pb2.CollectResponse(policy=learner_pb2.Policy(policy_version=0, weights=_weights()))
        yield _ASSIGNMENT
        async for _ in request_iterator:
            yield _ASSIGNMENT

    CollectReference = Collect


_ASSIGNMENT = learner_pb2.CollectResponse(assignment=learner_pb2.Assignment(policy_version=0))


def _weights() -> bytes:
    """An untrained policy for four numbers and two choices."""
    rng = np.random.default_rng(0)
    shapes = {"hidden_0": (8, 4), "hidden_1": (8, 8), "logits": (2, 8)}
    arrays = {f"{name}.weight": rng.normal(size=shape) for name, shape in shapes.items()}
    arrays |= {f"{name}.bias": np.zeros(shape[0]) for name, shape in shapes.items()}
    arrays |= {"observation_mean": np.zeros(4), "observation_std": np.ones(4)}
    return safetensors.numpy.save({name: array.astype(np.float32) for name, array in arrays.items()})


@contextlib.asynccontextmanager
async def _supervised(kind: str, folder: Path, *, is_reference: bool = False) -> AsyncIterator[Supervisor]:
    server: grpc.aio.Server = create_server()
    learner_pb2_grpc.add_LearnerServiceServicer_to_server(_Learner(), server)
    learner_pb2_grpc.add_ReferenceLearnerServiceServicer_to_server(_Learner(), server)
    learner_port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    supervisor = Supervisor(
        [_simulator(kind, folder, learner_port=learner_port, is_reference=is_reference)], logs=folder
    )
    try:
        yield supervisor
    finally:
        await supervisor.stop()
        await server.stop(None)


def _simulator(kind: str, folder: Path, *, learner_port: int, is_reference: bool) -> ServiceProcess:
    port = choose_ports(1)[0]
    flags = {
        "port": port,
        "task": f"tests.odd_environments:Odd/{kind}-v0",
        "storage-url": (folder / "objects").as_uri(),
        "learner-address": f"127.0.0.1:{learner_port}",
        "reward-address": "127.0.0.1:1",
        "num-environments": _NUM,
        "call-record-path": folder / "calls",
    }
    arguments = [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    return ServiceProcess(
        name="simulator",
        module="services.simulator",
        arguments=("--no-has-rendering", *arguments, *(["--is-reference"] if is_reference else [])),
        address=f"127.0.0.1:{port}",
        call_record=folder / "calls",
    )


@pytest.fixture(autouse=True)
def late(importable_tests: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is odd at first."""
    monkeypatch.setenv("ODD_AT", str(_LATE))


async def _end_of(kind: str, folder: Path, *, is_reference: bool = False) -> str:
    """The line with which the supervisor gives up."""
    folder.joinpath("objects").mkdir()
    async with _supervised(kind, folder, is_reference=is_reference) as supervisor, asyncio.timeout(90):
        with pytest.raises(ConfigError) as ended:
            await _follow(supervisor)
    return str(ended.value)


async def _follow(supervisor: Supervisor) -> None:
    await supervisor.start()
    await supervisor.watch()


@pytest.mark.parametrize("is_reference", [False, True], ids=["learned", "true reward"])
async def test_rewards_that_are_not_numbers_end_a_run_at_once(tmp_path: Path, *, is_reference: bool) -> None:
    """The simulator's own line, from its first life: nothing waits for simulators."""
    told = await _end_of("NanReward", tmp_path, is_reference=is_reference)
    assert told.startswith("simulator: environment tests.odd_environments:Odd/NanReward-v0 (copy ")
    assert told.endswith(f") returned nan as reward, must be a finite number, at step {_LATE}")


async def test_an_environment_that_raises_ends_a_run_with_its_place(tmp_path: Path) -> None:
    """Not with a box's lower edge, after ten restarts."""
    told = await _end_of("RaisesInStep", tmp_path)
    assert f"raised ValueError('the wheel is off') at step {_LATE} (" in told
    assert "odd_environments.py:" in told


async def test_an_environment_that_exits_is_accused_after_three_lives(tmp_path: Path) -> None:
    """With what it was doing, though it said nothing."""
    told = await _end_of("EndsTheProcess", tmp_path)
    assert "Odd/EndsTheProcess-v0 (copy " in told
    assert f"ended the process (exit code 7) in step, at step {_LATE}, 3 times within 60 s" in told


async def test_an_environment_that_hangs_keeps_nobody_who_stops_the_run(tmp_path: Path) -> None:
    """A drain ends in seconds, whatever does not return."""
    tmp_path.joinpath("objects").mkdir()
    async with _supervised("Hangs", tmp_path) as supervisor, asyncio.timeout(90):
        await supervisor.start()
        while b"step" not in (tmp_path / "calls").read_bytes():
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)
        began_s = time.monotonic()
        await supervisor.stop()
    assert time.monotonic() - began_s < 4.9  # then it would be killed
    assert '"environments_left_open"' in (tmp_path / "simulator.log").read_text()
