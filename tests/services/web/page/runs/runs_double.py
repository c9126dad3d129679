"""A labeler that only lists finished and running runs, as a server over a folder of runs does; all else is unimplemented."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import grpc

from somersault.errors import NotFoundError
from somersault.rpc import bind, create_server
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc, preference_pb2
from tests.services.web.gateways import serving_gateway

__all__ = ["RunsDouble", "curve", "serving_runs"]

TOKEN = "owner-token"


def curve(
    *, num_points: int, gain: float, restart_at: int | None = None, wait: int = 5
) -> list[pb.ProgressPoint]:
    """Return reports of a run that gets better; with ``restart_at`` one that goes back ten points there."""
    points = []
    begin = int(time.time()) - num_points * wait
    for number in range(num_points):
        at = number if restart_at is None or number < restart_at else number - 10
        share = at / max(1, num_points - 1)
        point = pb.ProgressPoint(
            number=number + 1,
            env_steps=at * 10_000,
            total_env_steps=(num_points - 1) * 10_000,
            label_budget=60,
            num_labels_due=min(60, 12 + round(48 * share)),
            num_answered=min(60, 10 + round(50 * share)),
            preference_accuracy=0.55 + 0.3 * share,
            num_accuracy_preferences=min(100, 4 + number),
            predicted_reward_mean=gain * share - 0.1 + 0.05 * (number % 3),
            reward_version=at,
            true_return_mean=100 + 3_000 * gain * share + 90 * (number % 4),
            num_episodes=8,
        )
        point.report_time.FromSeconds(begin + number * wait)
        points.append(point)
    return points


@dataclass
class RunsDouble(labeler_pb2_grpc.LabelerServiceServicer):
    """Knows runs, their points and their policies' clips."""

    runs: list[pb.Run]
    points: dict[str, list[pb.ProgressPoint]]
    clips: Sequence[bytes]
    num_clips: dict[str, int] = field(default_factory=dict)

    async def WhoAmI(self, request, context):
        """Name the owner."""
        return pb.WhoAmIResponse(labeler_id="owner", name="Grace", role=preference_pb2.ROLE_OWNER)

    async def CreateSession(self, request, context):
        """Begin a session that is never asked for."""
        return pb.CreateSessionResponse(secret="0" * 64)

    async def ListRuns(self, request, context):
        """List them, each with its newest point."""
        for run in self.runs:
            if self.points.get(run.run_id):
                run.newest_point.CopyFrom(self.points[run.run_id][-1])
        return pb.ListRunsResponse(runs=self.runs)

    async def GetRunProgress(self, request, context):
        """Send what is after the cursor."""
        if request.run_id not in self.points:
            raise NotFoundError("there is no such run")
        points = self.points[request.run_id]
        response = pb.GetRunProgressResponse(points=points[request.cursor :], cursor=len(points))
        response.read_time.GetCurrentTime()
        return response

    async def ListPolicyClips(self, request, context):
        """List as many as the run has, at even steps."""
        count = self.num_clips.get(request.run_id, 0)
        return pb.ListPolicyClipsResponse(
            clips=[
                pb.PolicyClip(
                    policy_version=10 * number,
                    env_steps=100_000 * number,
                    clip_url=f"/clips/query-{number:03d}/left.mp4",
                    duration_s=0.6,
                    is_final=number == count - 1,
                    predicted_rewards=[(number + 1) * 0.1 * (step % 5 - 2) for step in range(20)],
                    true_return=400.0 * number,
                )
                for number in range(count)
            ]
        )

    async def GetStats(self, request, context):
        """Refuse, as all that is not here."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "this server only lists runs")

    async def GetClip(self, request, context):
        """Send one of the little videos."""
        clip = self.clips[int(request.query_id.removeprefix("query-")) % len(self.clips)]
        return pb.GetClipResponse(clip=clip, clip_sha256=hashlib.sha256(clip).hexdigest())


@contextlib.asynccontextmanager
async def serving_runs(double: labeler_pb2_grpc.LabelerServiceServicer) -> AsyncIterator[str]:
    """Serve a double behind a gateway, and yield the gateway's address."""
    server = create_server()
    labeler_pb2_grpc.add_LabelerServiceServicer_to_server(double, server)
    port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    async with serving_gateway(f"127.0.0.1:{port}") as url:
        yield url
    await server.stop(0)
