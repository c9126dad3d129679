"""A run of the real labeler that the run page's and the owner page's tests watch, and what its services do to it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from somersault.domain.keys import policy_clip_key
from somersault.rpc import bind, create_server
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2, simulator_pb2, simulator_pb2_grpc, trajectory_pb2
from tests.services.web.gateways import serving_gateway
from tests.services.web.page.browsing import log_in
from tests.services.web.real_labeler import RealLabeler, Simulator, calling

__all__ = ["NUM_PAIRS", "LabelerProcess", "ScoringSimulator", "WatchedRun", "free_port", "watching"]

NUM_PAIRS = 7


class ScoringSimulator(Simulator):
    """Renders, and reports how its episodes went."""

    async def GetEpisodeStatistics(self, request, context):
        """Return the same means each time."""
        return simulator_pb2.GetEpisodeStatisticsResponse(
            num_episodes=8, true_return_mean=123.4, task="hopper-backflip", has_teacher=True
        )


@dataclass(frozen=True, slots=True)
class LabelerProcess:
    """A labeler's process, its folder, and the port of the simulator that renders for it."""

    labeler: RealLabeler
    folder: Path
    simulator_port: int


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """A run that nothing was reported of yet."""

    labeler: RealLabeler
    run_id: str
    url: str
    """Of a gateway before the labeler."""
    folder: Path

    def calling(self, role: str) -> contextlib.AbstractAsyncContextManager[Any]:
        """Return a stub that calls as a role."""
        return calling(self.labeler, self.labeler.tokens[role])

    async def open(self, page: Page, *, role: str = "owner", path: str = "/run") -> None:
        """Open a page with a token in its address."""
        await log_in(page, f"{self.url}{path}#token={self.labeler.tokens[role]}")

    async def report(self, *, env_steps: int, **fields: Any) -> None:
        """Report as the reward service does."""
        point = {
            "env_steps": env_steps,
            "total_env_steps": 100_000,
            "env_steps_per_s": 2_000,
            "label_budget": 60,
            "num_labels_due": 12 + env_steps // 2_000,
            "wished_labels_per_hour": 340,
            "preference_accuracy": 0.5 + env_steps / 400_000,
            "num_accuracy_preferences": 20,
            "predicted_reward_mean": env_steps / 100_000 - 0.1,
            "reward_version": 3,
            "num_pool_segments": 512,
        } | fields
        async with self.calling("service") as service:
            request = pb.ReportProgressRequest(run_id=self.run_id, point=pb.ProgressPoint(**point))
            await service.ReportProgress(request)

    async def update(self, **fields: Any) -> None:
        """Change the run as the command line does."""
        async with self.calling("owner") as owner:
            await owner.UpdateRun(pb.UpdateRunRequest(run_id=self.run_id, **fields))

    async def add_policy_clip(self, clip: bytes, *, env_steps: int, **fields: Any) -> None:
        """Store a clip of a policy and make it known."""
        version = env_steps // 1_000
        uri = policy_clip_key(self.run_id, version)
        await asyncio.to_thread(open_store(file_url(self.folder)).put, uri, clip)
        message = pb.PolicyClip(
            policy_version=version,
            env_steps=env_steps,
            clip_sha256=hashlib.sha256(clip).hexdigest(),
            duration_s=0.6,
            predicted_rewards=[0.1 * (step % 5 - 2) for step in range(20)],
            true_return=env_steps / 100,
            **fields,
        )
        async with self.calling("service") as service:
            request = pb.AddPolicyClipRequest(run_id=self.run_id, clip=message, clip_uri=uri)
            await service.AddPolicyClip(request)

    async def render_pairs(self, *, prefix: str = "p") -> None:
        """Have pairs rendered, the first without a prediction, and wait until they can be leased."""
        async with self.calling("service") as service:
            proposals = [self._proposal(prefix, number) for number in range(NUM_PAIRS)]
            await service.ProposeQueries(pb.ProposeQueriesRequest(run_id=self.run_id, proposals=proposals))
        async with self.calling("owner") as owner, asyncio.timeout(20):
            request = pb.GetStatsRequest(run_id=self.run_id)
            while (await owner.GetStats(request)).num_ready < NUM_PAIRS:
                await asyncio.sleep(0.05)

    def _proposal(self, prefix: str, number: int) -> pb.Proposal:
        proposal = pb.Proposal(
            proposal_id=f"{prefix}{number}",
            first=self._segment(f"{prefix}{number}-a"),
            second=self._segment(f"{prefix}{number}-b"),
            wants_clips=True,
        )
        if number:
            # sums 4 and 0: whichever is shown left, it is predicted with 98%
            proposal.first_predicted_rewards.extend([0.0, 1.0, 2.0, 1.0])
            proposal.second_predicted_rewards.extend([1.0, -1.0, -1.0, 1.0])
            proposal.reward_version = number
        return proposal

    def _segment(self, name: str) -> trajectory_pb2.StoredSegment:
        return trajectory_pb2.StoredSegment(
            segment_id=name,
            segment_uri=f"{self.run_id}/segments/{name}.safetensors",
            sealed_uri=f"{self.run_id}/sealed/{name}.safetensors",
            duration_s=0.6,
        )

    async def lease(self, count: int) -> pb.LeaseQueriesResponse:
        """Lease as a person."""
        async with self.calling("labeler") as person:
            request = pb.LeaseQueriesRequest(run_id=self.run_id, count=count)
            response: pb.LeaseQueriesResponse = await person.LeaseQueries(request)
            return response

    async def answer_all(
        self, *, prefix: str = "p", always: preference_pb2.Preference.ValueType | None = None
    ) -> None:
        """Answer each pair as predicted but the newest one, which the other way; or all pairs alike."""
        leases = (await self.lease(NUM_PAIRS)).leases
        async with self.calling("labeler") as person:
            for number, lease in enumerate(leases):
                is_left = lease.query.left.segment_id.endswith("a") == (number < NUM_PAIRS - 1)
                side = preference_pb2.PREFERENCE_LEFT if is_left else preference_pb2.PREFERENCE_RIGHT
                answer = pb.SubmitPreferenceRequest(
                    lease_token=lease.lease_token,
                    answer_id=f"{prefix}-{zlib.crc32(self.run_id.encode())}-{number}",
                    preference=side if always is None else always,
                    response_ms=900,
                )
                await person.SubmitPreference(answer)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def watching(
    process: LabelerProcess,
    clips: list[bytes],
    *,
    run_id: str,
    simulator_type: type[ScoringSimulator] = ScoringSimulator,
) -> AsyncIterator[WatchedRun]:
    """Register a run, serve a simulator that renders for it and a gateway, and yield the run."""
    labeler, folder = process.labeler, process.folder
    server = create_server()
    simulator = simulator_type(open_store(file_url(folder)), clips)
    simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(simulator, server)
    bind(server, host="127.0.0.1", port=process.simulator_port)
    await server.start()
    async with calling(labeler, labeler.tokens["service"]) as service:
        new = pb.CreateRunRequest(run_id=run_id, task="hopper-backflip", question="Which flips better?")
        await service.CreateRun(new, timeout=30, wait_for_ready=True)
    async with serving_gateway(labeler.address, run_id=run_id) as url:
        yield WatchedRun(labeler, run_id, url, folder)
    await server.stop(0)
