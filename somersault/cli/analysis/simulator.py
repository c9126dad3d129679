"""A temporary simulator that plays and renders a run's policy and leaves the run's store alone."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from somersault.cli.services.certificates import certificates_of, write_certificates
from somersault.cli.services.ports import LOOPBACK, choose_ports
from somersault.cli.services.processes import ServiceProcess
from somersault.cli.services.programs import MODULES
from somersault.cli.services.supervisor import Supervisor
from somersault.domain.arrays import FloatArray
from somersault.domain.keys import segment_of, video_key
from somersault.domain.roles import Identity
from somersault.formats.safetensors import load_arrays
from somersault.rpc import call, open_channel
from somersault.runs import Run
from somersault.runtime.urls import file_url
from somersault.storage import ObjectStore, open_store
from somersault.v1 import simulator_pb2, simulator_pb2_grpc
from somersault.wire import tensor_from_array

__all__ = ["Play", "Simulator", "open_simulator"]

_EVALUATE_TIMEOUT_S = 3600.0  # a thousand games of five minutes take most of it
_RENDER_TIMEOUT_S = 900.0
_OWN_RUN = "afterwards"  # names what is stored in the simulator's own folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """How to play episodes."""

    policy: bytes
    """The policy's weights, safetensors."""
    num_episodes: int
    seed: int
    is_deterministic: bool = False
    episode_steps: int = 0
    """0 for the task's default."""
    num_stored: int = 0
    """How many of the best are stored to be rendered."""


class Simulator:
    """A running simulator and its own object store."""

    def __init__(self, stub: simulator_pb2_grpc.SimulatorServiceAsyncStub, store: ObjectStore) -> None:
        """Take a connection to the simulator and the store that it writes to."""
        self._stub = stub
        self._store = store

    async def evaluate(self, play: Play) -> simulator_pb2.EvaluateResponse:
        """Play episodes.

        Raises:
            SomersaultError: the policy doesn't fit the task, or the simulator failed.
        """
        request = simulator_pb2.EvaluateRequest(
            policy=play.policy,
            num_episodes=play.num_episodes,
            seed=play.seed,
            is_stochastic=not play.is_deterministic,
            num_stored_episodes=play.num_stored,
            run_id=_OWN_RUN if play.num_stored else "",
            episode_steps=play.episode_steps,
        )
        response: simulator_pb2.EvaluateResponse = await call(
            self._stub.Evaluate, request, timeout_s=_EVALUATE_TIMEOUT_S
        )
        return response

    def load(self, segment_uri: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of a stored episode."""
        return load_arrays(self._store.get(segment_uri), what="stored episode")

    async def render(self, segment_uri: str, *, size_px: int, predicted_rewards: FloatArray | None) -> bytes:
        """Render a stored episode and return the MP4.

        Args:
            segment_uri: The episode.
            size_px: Width and height, or a game's height; 0 for the task's default.
            predicted_rewards: ``[T]`` for a bar beside the agent; None for no bar.

        Raises:
            SomersaultError: this machine can't render.
        """
        _, segment_id = segment_of(segment_uri) or ("", "")
        has_bar = predicted_rewards is not None
        clip_uri = video_key(_OWN_RUN, segment_id, size_px=size_px, has_bar=has_bar)
        request = simulator_pb2.RenderRequest(segment_uri=segment_uri, clip_uri=clip_uri, size_px=size_px)
        if predicted_rewards is not None:
            request.predicted_rewards.CopyFrom(tensor_from_array(predicted_rewards))
        response: simulator_pb2.RenderResponse = await call(
            self._stub.Render, request, timeout_s=_RENDER_TIMEOUT_S
        )
        return await asyncio.to_thread(self._store.get, clip_uri, expect_sha256=response.clip_sha256)


@asynccontextmanager
async def open_simulator(run: Run, *, has_rendering: bool) -> AsyncIterator[Simulator]:
    """Run a simulator of a run's task for as long as the context lasts.

    Args:
        run: The run.
        has_rendering: Whether clips will be rendered; otherwise no OpenGL is needed.

    Raises:
        SomersaultError: it can't be started; says why.
    """
    with tempfile.TemporaryDirectory(prefix="somersault-simulator-") as folder:
        (port,) = choose_ports(1)
        address = f"{LOOPBACK}:{port}"
        certificates = Path(folder) / "certificates"
        storage_url = file_url(Path(folder) / "objects")
        process = ServiceProcess(
            name="simulator",
            module=MODULES["simulator"],
            arguments=_flags(
                run,
                certificates=certificates_of(certificates, Identity.SIMULATOR),
                storage_url=storage_url,
                port=port,
                has_rendering=has_rendering,
            ),
            address=address,
            certificates=certificates_of(certificates, Identity.OWNER),
        )
        write_certificates(certificates, run_id=_OWN_RUN, names=[process.name])
        supervisor = Supervisor([process], logs=Path(folder) / "logs")
        try:
            await supervisor.start()
            async with open_channel(
                address, certificates=process.certificates, peer=Identity.SIMULATOR
            ) as channel:
                stub: simulator_pb2_grpc.SimulatorServiceAsyncStub = simulator_pb2_grpc.SimulatorServiceStub(
                    channel
                )
                yield Simulator(stub, open_store(storage_url))
        finally:
            await supervisor.stop()


def _flags(
    run: Run, *, certificates: Path, storage_url: str, port: int, has_rendering: bool
) -> tuple[str, ...]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    values = {
        "host": LOOPBACK,
        "port": str(port),
        "certificates-path": str(certificates),
        "task": run.settings.task,
        "storage-url": storage_url,
        "learner-address": "null",
        "reward-address": "null",
        "num-threads": str(cores),
    }
    flags = [part for name, value in values.items() for part in (f"--{name}", value)]
    return (*flags, "--has-rendering" if has_rendering else "--no-has-rendering")
