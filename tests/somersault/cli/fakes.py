"""Every service at once, with real servers and no learning, to be run as a process.

    python -m tests.somersault.cli.fakes --port 7000 [any flags a service takes]

The environment says how it behaves: FAKE_EXIT=CODE ends it at once with a line on standard error, FAKE_TRAINING_S is
how long training takes, FAKE_HANG leaves SIGTERM unheeded by all but the learner, FAKE_EVALUATION_S is how long
an evaluation takes, FAKE_TRUE_RETURN is what episodes return, FAKE_INCOMPARABLE makes all answers incomparable, FAKE_DRAIN is a
file to which it adds its port on SIGTERM, FAKE_TOLD is a file of what the labeler is told, and FAKE_TELLS_STARTS adds the
start of the reward service to that file.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

import grpc.aio
import numpy as np
import safetensors.numpy
from grpc_health.v1 import health

from somersault.errors import NotFoundError, UnauthenticatedError
from somersault.rpc import bind, create_server
from somersault.rpc.server import serve_health, set_serving
from somersault.rpc.tls.folder import open_folder
from somersault.rpc.tls.server import mutual_tls
from somersault.storage import open_store
from somersault.v1 import (
    labeler_pb2,
    labeler_pb2_grpc,
    learner_pb2,
    learner_pb2_grpc,
    reward_pb2,
    reward_pb2_grpc,
    simulator_pb2,
    simulator_pb2_grpc,
)
from somersault.wire import array_from_tensor, tensor_from_array

NUM_STEPS = 5


class Learner(learner_pb2_grpc.LearnerServiceServicer):
    """Makes its steps by the clock."""

    def __init__(self, *, total_env_steps: int, training_s: float) -> None:
        self.total_env_steps = total_env_steps
        self.training_s = training_s
        self.began_s = time.monotonic()

    async def WatchProgress(self, request, context):
        """Tell the progress ten times a second."""
        while True:
            share = min(1.0, (time.monotonic() - self.began_s) / max(self.training_s, 1e-9))
            yield learner_pb2.Progress(
                state=learner_pb2.LEARNER_STATE_FINISHED
                if share == 1
                else learner_pb2.LEARNER_STATE_LEARNING,
                env_steps=int(share * self.total_env_steps),
                total_env_steps=self.total_env_steps,
                env_steps_per_s=1000.0,
                policy_version=3,
                statistics={"policy_loss": 0.25},
            )
            await asyncio.sleep(0.1)

    async def GetPolicy(self, request, context):
        """Return a policy that only names itself."""
        return learner_pb2.Policy(policy_version=3, weights=b"policy")


class Simulator(simulator_pb2_grpc.SimulatorServiceServicer):
    """Has always seen the same four episodes."""

    def __init__(self, storage_url: str) -> None:
        self.store = open_store(storage_url)

    async def GetEpisodeStatistics(self, request, context):
        """Return their means."""
        return simulator_pb2.GetEpisodeStatisticsResponse(
            num_episodes=4, true_return_mean=_true_return(100.0), flips_mean=1.5, landed_flips_mean=0.5
        )

    async def Evaluate(self, request, context):
        """Store one episode whose observations count up from 0."""
        await asyncio.sleep(float(os.environ.get("FAKE_EVALUATION_S", "0")))
        if request.policy != b"policy":
            raise NotFoundError("no such policy")
        key = f"{request.run_id}/segments/best.safetensors"
        arrays = {
            "observations": np.arange(NUM_STEPS * 2, dtype=np.float32).reshape(NUM_STEPS, 2),
            "actions": np.zeros((NUM_STEPS, 1), np.float32),
        }
        self.store.put(key, safetensors.numpy.save(arrays))
        return simulator_pb2.EvaluateResponse(
            episodes=[
                {"true_return": _true_return(10.0), "flips": 2.0},
                {"true_return": 20.0, "landed_flips": 1.0},
            ],
            stored_episodes=[{"segment_id": "best", "segment_uri": key, "duration_s": 1.0}],
        )

    async def Render(self, request, context):
        """Store the predicted rewards as text in the place of a video."""
        rewards = []
        if request.HasField("predicted_rewards"):
            rewards = array_from_tensor("rewards", request.predicted_rewards).tolist()
        clip = str(rewards).encode()
        self.store.put(request.clip_uri, clip)
        digest = hashlib.sha256(clip).hexdigest()
        return simulator_pb2.RenderResponse(clip_uri=request.clip_uri, clip_sha256=digest)


class Reward(reward_pb2_grpc.RewardServiceServicer):
    """Has two members of different scale that agree otherwise."""

    async def GetStatus(self, request, context):
        """Return a fixed status."""
        return reward_pb2.RewardStatus(
            reward_version=2,
            label_budget=9,
            num_labels_due=8,
            preference_accuracy=0.75,
            num_accuracy_preferences=6,
        )

    async def Score(self, request, context):
        """Predict the first number of each observation, and ten times that plus one."""
        first = array_from_tensor("observations", request.observations)[:, 0]
        members = tensor_from_array(np.stack([first, 10 * first + 1]))
        return reward_pb2.ScoreResponse(members=members, reward_version=2)


class Labeler(labeler_pb2_grpc.LabelerServiceServicer):
    """Knows the token ``owner-token`` and every token of 32 random bytes. Writes down what it is told."""

    def __init__(self) -> None:
        self.state = labeler_pb2.RUN_STATE_RUNNING

    async def GetStats(self, request, context):
        """Return a fixed count."""
        _check_token(context)
        num_incomparable = 9 if os.environ.get("FAKE_INCOMPARABLE") else 0
        num_answered = num_incomparable or 7
        return labeler_pb2.GetStatsResponse(
            num_incomparable=num_incomparable,
            num_left=num_answered - num_incomparable,
            num_answered=num_answered,
            num_ready=1,
            num_leased=1,
            run_state=self.state,
            num_rendering=2,
        )

    async def UpdateRun(self, request, context):
        """Take the run's state."""
        _check_token(context)
        if request.HasField("label_budget"):
            _note(f"budget {request.label_budget}")
        if request.state:
            self.state = request.state
            _note(f"{labeler_pb2.RunState.Name(request.state)} {request.result.headline}".strip())
        return labeler_pb2.UpdateRunResponse()

    async def ListPolicyClips(self, request, context):
        """Return none."""
        return labeler_pb2.ListPolicyClipsResponse()

    async def AddPolicyClip(self, request, context):
        """Take a clip."""
        _check_token(context)
        clip = request.clip
        _note(f"clip {clip.policy_version} of {len(clip.predicted_rewards)} steps, final {clip.is_final}")
        return labeler_pb2.AddPolicyClipResponse()


def _check_token(context: grpc.aio.ServicerContext) -> None:
    token = dict(context.invocation_metadata()).get("authorization", "")
    if token != "Bearer owner-token" and len(token) != len("Bearer ") + 64:
        raise UnauthenticatedError("unknown token")


def _true_return(usual: float) -> float:
    return float(os.environ.get("FAKE_TRUE_RETURN", usual))


def _note(line: str) -> None:
    """Append to the file of what the labeler was told, if a test wants one."""
    if os.environ.get("FAKE_TOLD"):
        with Path(os.environ["FAKE_TOLD"]).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def _make_known(path: str, run_id: str, identity: str) -> None:
    """Leave the database that a labeler leaves, with nothing in it but the run."""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS runs (run_id TEXT PRIMARY KEY, identity TEXT)")
        database.execute("INSERT OR IGNORE INTO runs VALUES (?, ?)", (run_id, identity))


def add_fakes(
    server: grpc.aio.Server, *, storage_url: str, total_env_steps: int = 1000, training_s: float = 0.0
) -> health.aio.HealthServicer:
    """Add all of them to a server."""
    learner = Learner(total_env_steps=total_env_steps, training_s=training_s)
    learner_pb2_grpc.add_LearnerServiceServicer_to_server(learner, server)
    simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(Simulator(storage_url), server)
    reward_pb2_grpc.add_RewardServiceServicer_to_server(Reward(), server)
    labeler_pb2_grpc.add_LabelerServiceServicer_to_server(Labeler(), server)
    return serve_health(server, [], has_reflection=False)


async def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificates-path", type=Path)
    parser.add_argument("--public-port", type=int)
    parser.add_argument("--storage-url", default="memory://")
    parser.add_argument("--total-env-steps", type=int, default=1000)
    parser.add_argument("--database-url")
    parser.add_argument("--run-id")
    parser.add_argument("--run-identity", default="")
    flags, _ = parser.parse_known_args()
    if os.environ.get("FAKE_EXIT"):
        sys.stderr.write("somersault fake: port is 'x', must be a number\n")
        sys.stderr.write('{"event": "a thread that was at work still"}\n')
        return int(os.environ["FAKE_EXIT"])
    if flags.database_url:
        _make_known(flags.database_url.removeprefix("sqlite:///"), flags.run_id, flags.run_identity)
    if os.environ.get("FAKE_TELLS_STARTS") and "--label-budget" in sys.argv:
        _note("the reward service starts")
    stopped = asyncio.Event()
    is_learner = "--rollout-steps" in sys.argv
    is_deaf = bool(os.environ.get("FAKE_HANG")) and not is_learner
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, (lambda: None) if is_deaf else stopped.set)
    tls = None
    if flags.certificates_path is not None:
        is_public = flags.public_port is not None
        tls = mutual_tls(open_folder(flags.certificates_path), identity=None, has_public_port=is_public)
    server = create_server([] if tls is None else [tls.authorization])
    servicer = add_fakes(
        server,
        storage_url=flags.storage_url,
        total_env_steps=flags.total_env_steps,
        training_s=float(os.environ.get("FAKE_TRAINING_S", "0")),
    )
    bind(server, host="127.0.0.1", port=flags.port, credentials=None if tls is None else tls.credentials)
    if flags.public_port is not None:
        bind(server, host="127.0.0.1", port=flags.public_port)
    await server.start()
    await set_serving(servicer, [], is_serving=True)
    await stopped.wait()
    if os.environ.get("FAKE_DRAIN"):
        with Path(os.environ["FAKE_DRAIN"]).open("a", encoding="ascii") as file:
            file.write(f"{sys.argv[sys.argv.index('--port') + 1]}\n")
    await server.stop(0)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
